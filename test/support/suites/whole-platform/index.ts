export type { Installation } from "./installation.ts";
export { describeProcessing } from "./processing.ts";
export { describePublication } from "./publication.ts";
export { describeSecrets } from "./secrets.ts";
