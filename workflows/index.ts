/** The one list of what a worker serves. */
export {
  packageBuild,
  packageLine,
  packageRescan,
  packageSweep,
  packageTick,
} from "./packages/index.ts";
export { webhookDelivery } from "./webhooks.ts";
