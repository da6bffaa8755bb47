export { listPackageAudit } from "./audit.ts";
export { resolveRun, rollBackPackage } from "./commands.ts";
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
export { uploadPackage, uploadVersion } from "./uploads.ts";
