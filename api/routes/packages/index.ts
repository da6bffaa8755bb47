export { listPackageAudit } from "./audit.ts";
export { readInstallManifest, readQrPng, readQrSvg, showInstallPage } from "./install.ts";
export { fetchIcon, fetchOriginal, fetchRelease, fetchVersion } from "./links.ts";
export { cancelRun, changePackage, deletePackage, rebuildVersion, resolveRun } from "./commands.ts";
export { listQuarantine, rejectVersion, releaseVersion, rescanVersion } from "./gate.ts";
export {
  listPackages,
  listRuns,
  listVersions,
  readPackage,
  readRun,
  readRunLog,
} from "./reading.ts";
export {
  pauseSchedule,
  readSchedule,
  removeSchedule,
  resumeSchedule,
  runSchedule,
  setSchedule,
} from "./schedules.ts";
export { queryPackage } from "./query.ts";
export { readStatistics } from "./statistics.ts";
export { checkUpdate } from "./updates.ts";
export { uploadPackage, uploadVersion } from "./uploads.ts";
export { changeNotes, publishVersion, yankVersion } from "./versions.ts";
export { rollBackPackage } from "./rollback.ts";
