export { listPackageAudit } from "./audit.ts";
export { changePackage, deletePackage, rebuildVersion, resolveRun } from "./commands.ts";
export { listQuarantine, rejectVersion } from "./gate.ts";
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
export { checkUpdate } from "./updates.ts";
export { uploadPackage, uploadVersion } from "./uploads.ts";
export { changeNotes, publishVersion, yankVersion } from "./versions.ts";
export { rollBackPackage } from "./rollback.ts";
