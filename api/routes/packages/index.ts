export { listPackageAudit } from "./audit.ts";
export {
  changePackage,
  deletePackage,
  cancelRun,
  rebuildVersion,
  resolveRun,
  rollBackPackage,
} from "./commands.ts";
export { fetchIcon, fetchOriginal, fetchRelease, fetchVersion } from "./links.ts";
export { listQuarantine, rejectVersion, releaseVersion } from "./gate.ts";
export {
  listPackages,
  listRuns,
  listVersions,
  queryPackage,
  readPackage,
  readRun,
  readRunLog,
} from "./reading.ts";
export { readStatistics } from "./statistics.ts";
export { checkUpdate } from "./updates.ts";
export { uploadPackage, uploadVersion } from "./uploads.ts";
export { changeNotes, publishVersion, yankVersion } from "./versions.ts";
