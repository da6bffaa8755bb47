export { packageRescan } from "./rescan.ts";
export { packageSweep } from "./sweep.ts";
export { packageBuild } from "./build.ts";
export { packageLine } from "./line.ts";
export { packageTick } from "./tick.ts";
export {
  cancelRun,
  closeDoors,
  followSchedule,
  keepVersions,
  publishVersion,
  rebuildVersion,
  removePackage,
  replacePackage,
  rollBackPackage,
  yankVersion,
} from "./orders.ts";
