export {
  acceptPackage,
  acceptRollback,
  acceptVersion,
  type ReceivedOriginal,
} from "./acceptance.ts";
export { emitRunEvent } from "./events.ts";
export { claimLink, recordLiveVersion, takeNumber } from "./link.ts";
export { appendLog, logBytes, readLog } from "./log.ts";
export { addFacts, beginStep, endStep, keepArtefact, moveRun } from "./runs.ts";
export {
  definePackages,
  Package,
  PackageLogChunk,
  PackageRun,
  PackageStep,
  PackageVersion,
} from "./tables.ts";
