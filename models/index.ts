import type { Define } from "./database.ts";
import { defineAccounts } from "./accounts.ts";
import { defineBilling } from "./billing/index.ts";
import { defineCards } from "./cards/index.ts";
import { defineDisks } from "./disks/index.ts";
import { defineDownloads } from "./downloads/index.ts";
import { defineFeeds } from "./feeds/index.ts";
import { defineGates } from "./gates/index.ts";
import { defineOperations } from "./operations.ts";
import { definePackages } from "./packages/index.ts";
import { definePipelines } from "./pipelines.ts";
import { defineProxies } from "./proxies/index.ts";
import { defineWebhooks } from "./webhooks/index.ts";

/** All models of the product, for `openDatabase`. */
export const MODELS: readonly Define[] = [
  defineAccounts,
  defineBilling,
  defineCards,
  defineDisks,
  defineDownloads,
  defineFeeds,
  defineGates,
  defineOperations,
  definePackages,
  definePipelines,
  defineProxies,
  defineWebhooks,
];
