export {
  beginAgain,
  cancelDownload,
  extendDownload,
  keepDownload,
  removeDownload,
  tryDownloadNow,
} from "./desk.ts";
export { download } from "./download.ts";
export { mediaFetch } from "./media-fetch.ts";
export { mediaParse } from "./parse.ts";
export { playlist } from "./playlist.ts";
