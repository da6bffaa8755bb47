export {
  publishNote,
  publishNotes,
  publishNotice,
  publishTask,
  recordProgress,
} from "./publishing.ts";
export {
  type FeedRow,
  type FeedState,
  findTask,
  FRAMES_PAGE,
  framesAfter,
  lastSeqs,
  stateOf,
} from "./reading.ts";
export { forgetFrames } from "./retention.ts";
export { defineFeeds, Feed, FeedFrame, FeedTask } from "./tables.ts";
