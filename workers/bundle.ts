import { fileURLToPath } from "node:url";

/** The module whose exports are the workflows, as the bundler wants it named. */
export const workflowsPath = fileURLToPath(
  new URL(`../workflows/index${import.meta.url.slice(-3)}`, import.meta.url),
);

/** Interceptors that run inside the workflow sandbox; they are bundled together with the workflows. */
export const workflowInterceptorModules = [
  fileURLToPath(new URL(`./interceptors/workflow${import.meta.url.slice(-3)}`, import.meta.url)),
];
