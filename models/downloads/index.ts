export {
  beginAttempt,
  changeDownload,
  countUnderWay,
  endAttempt,
  moveDownload,
  noteProgress,
  noteWait,
  unfinishedParts,
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
  giveTicketBack,
  forgetParse,
  forgetParses,
  keepParse,
  keepTicket,
  parsePlace,
  useTicket,
} from "./parses.ts";
export {
  beginListed,
  type Children,
  countChildren,
  endHeldBack,
  keepList,
  type ListedMedia,
  type MediaList,
} from "./playlists.ts";
export { noteDownload, taskOfDownload } from "./tasks.ts";
export {
  endMedia,
  fetchOf,
  fetchUnderWay,
  forgetMedia,
  joinMedia,
  leaveMedia,
  triesEnded,
  triesOf,
  waitersOf,
  wishHash,
} from "./shared-media.ts";
export { chargeTransfer, holdForTransfer, type TransferHold } from "./traffic.ts";
export {
  defineDownloads,
  Download,
  DownloadAttempt,
  DownloadTicket,
  DownloadTraffic,
  MediaParse,
  SharedMedia,
} from "./tables.ts";
