export {
  beginAttempt,
  changeDownload,
  countUnderWay,
  endAttempt,
  moveDownload,
  noteProgress,
  noteWait,
  unfinishedOf,
} from "./life.ts";
export { listHistory, orderedSince } from "./lists.ts";
export {
  cancelDownload,
  countBy,
  deleteDownload,
  type DownloadOrder,
  orderDownload,
  retryDownload,
  usedToday,
} from "./orders.ts";
export {
  addressHash,
  findParse,
  findTicket,
  forgetParse,
  forgetParses,
  keepParse,
  keepTicket,
  parsePlace,
  useTicket,
} from "./parses.ts";
export { noteDownload, taskOfDownload } from "./tasks.ts";
export {
  defineDownloads,
  Download,
  DownloadAttempt,
  DownloadTicket,
  MediaParse,
} from "./tables.ts";
