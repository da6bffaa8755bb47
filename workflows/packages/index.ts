export { packageSweep } from "./sweep.ts";
export { packageBuild } from "./build.ts";
export { packageLine, replacePackage, rollBackPackage } from "./line.ts";
