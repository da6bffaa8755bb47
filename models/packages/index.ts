export {
  acceptPackage,
  acceptRollback,
  acceptVersion,
  type ReceivedOriginal,
} from "./acceptance.ts";
export { changePackage, changeVersion, deletePackage } from "./changes.ts";
export { emitRunEvent } from "./events.ts";
export {
  clearVersion,
  findingsOf,
  holdVersion,
  isThroughGate,
  noteFindings,
  noteScan,
  rejectVersion,
  wasScanned,
} from "./gate.ts";
export { claimLink, findChannel, recordLiveVersion, takeNumber } from "./link.ts";
export { appendLog, logBytes, readLog } from "./log.ts";
export { acceptPublication, acceptYank, takeTurn, type Turn } from "./publications.ts";
export { removePackageRows } from "./removal.ts";
export { forgetArtefacts, retireVersions, tellOverdue, type Retirement } from "./retention.ts";
export { addFacts, beginStep, endStep, keepArtefact, moveRun, noteTrouble } from "./runs.ts";
export {
  definePackages,
  Package,
  PackageChannel,
  PackageFinding,
  PackageLogChunk,
  PackageRun,
  PackageScan,
  PackageStep,
  PackageVersion,
} from "./tables.ts";
