import type { Routes } from "../route.ts";
import * as accounts from "./accounts/index.ts";
import * as billing from "./billing/index.ts";
import * as cards from "./cards/index.ts";
import { documentationRoutes } from "./documentation.ts";
import * as downloads from "./downloads/index.ts";
import * as feeds from "./feeds.ts";
import * as gates from "./gates.ts";
import * as operations from "./operations.ts";
import * as packages from "./packages/index.ts";
import * as pipelines from "./pipelines.ts";
import * as platform from "./platform.ts";
import * as proxies from "./proxies/index.ts";
import * as webhooks from "./webhooks/index.ts";

/** Every route of the product, by operation id. */
export const routes: Routes = {
  ...platform,
  ...accounts,
  ...billing,
  ...cards,
  ...downloads,
  ...feeds,
  ...gates,
  ...operations,
  ...packages,
  ...pipelines,
  ...proxies,
  ...webhooks,
  ...documentationRoutes(() => routes),
};
