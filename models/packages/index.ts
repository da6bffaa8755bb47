export {
  acceptPackage,
  acceptRollback,
  acceptVersion,
  type ReceivedOriginal,
} from "./acceptance.ts";
export {
  adoptArtefact,
  artefactOf,
  firstBuild,
  keepArtefact,
  type KeptObject,
  isSpare,
} from "./artefacts.ts";
export { acceptCancellation } from "./cancellations.ts";
export { changePackage, changeVersion, deletePackage } from "./changes.ts";
export { dayOf, type DownloadCounter, openDownloadCounter, readDownloads } from "./downloads.ts";
export { emitRunEvent } from "./events.ts";
export {
  clearVersion,
  findingsOf,
  isThroughGate,
  noteFindings,
  noteHit,
  noteScan,
  quarantineVersion,
  rejectVersion,
  standingOf,
} from "./gate.ts";
export { claimLink, findChannel, publishedAt, recordLiveVersion, takeNumber } from "./link.ts";
export { type PackageFilters, pageOfPackages, pageOfRuns, pageOfVersions } from "./lists.ts";
export { appendLog, logBytes, readLog } from "./log.ts";
export { acceptPublication, acceptYank, takeTurn, type Turn } from "./publications.ts";
export { findPublished, type Published, type Which } from "./published.ts";
export { acceptRebuild, findStart, outputGone } from "./rebuilds.ts";
export { deletePipeline, pipelineOf, pipelineOfRun } from "./pipelines.ts";
export { acceptRescan, findShown, findUnscanned, type Unscanned } from "./rescans.ts";
export { acceptRelease } from "./release.ts";
export { removePackageRows } from "./removal.ts";
export { forgetArtefacts, retireVersions, tellOverdue, type Retirement } from "./retention.ts";
export { addFacts, beginStep, endStep, moveRun, noteTrouble } from "./runs.ts";
export { keepStatus } from "./status.ts";
export { PackageSchedule } from "./schedule-table.ts";
export {
  acceptScheduledRun,
  pauseSchedule,
  removeSchedule,
  setSchedule,
  takeTick,
  type Tick,
} from "./schedules.ts";
export {
  definePackages,
  Package,
  PackageChannel,
  PackageDownload,
  PackageFinding,
  PackageLogChunk,
  PackageRun,
  PackageScan,
  PackageStep,
  PackageVersion,
} from "./tables.ts";
export { noteLog, noteRun, taskOf } from "./tasks.ts";
