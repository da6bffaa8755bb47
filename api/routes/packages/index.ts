export { listPackageAudit } from "./audit.ts";
export {
  changePackage,
  deletePackage,
  rebuildVersion,
  resolveRun,
  rollBackPackage,
} from "./commands.ts";
export { fetchOriginal, fetchRelease, fetchVersion } from "./links.ts";
export {
  listPackages,
  listRuns,
  listVersions,
  queryPackage,
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
export { uploadPackage, uploadVersion } from "./uploads.ts";
export { changeNotes, publishVersion, yankVersion } from "./versions.ts";
