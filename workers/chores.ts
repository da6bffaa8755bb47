import type { Logger } from "pino";
import { LIMITS } from "../domain/limits.ts";
import {
  forgetCodes,
  forgetEndedSessions,
  forgetOidcStates,
  forgetScenes,
} from "../models/accounts.ts";
import { endAbandonedHolds } from "../models/billing/index.ts";
import { tellSellers } from "../models/cards/index.ts";
import type { Database } from "../models/database.ts";
import { endOverdueRoom, forgetDisks } from "../models/disks/index.ts";
import { forgetParses } from "../models/downloads/index.ts";
import { forgetFrames } from "../models/feeds/index.ts";
import {
  claimExpired,
  dismissWorker,
  expiredStaged,
  forgetExpiredKeys,
  forgetStaged,
  reportWorker,
  type WorkerReport,
} from "../models/operations.ts";
import { tidyGates } from "../models/gates/index.ts";
import { endOverdueLeases, forgetLeases } from "../models/proxies/index.ts";
import { forgetDeliveries } from "../models/webhooks/index.ts";
import type { ObjectStore } from "../platform/objects/index.ts";

const REPORT_MS = 4_000;
const TIDY_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

interface ChoreTools {
  database: Database;
  objects: ObjectStore;
  log: Logger;
}

/** What a worker says of itself; what may change while it runs is asked each time. */
interface Self {
  report: Pick<WorkerReport, "id" | "queues" | "buildsApks" | "knownReferences">;
  tools: () => Promise<string[]>;
  warnings: () => string[];
}

/** What a worker does beside its queues: says that it is there, and removes what nobody finished. */
export async function startChores(
  tools: ChoreTools,
  { report, ...self }: Self,
): Promise<() => Promise<void>> {
  const attempt = (chore: () => Promise<unknown>) =>
    chore().catch((error: unknown) => tools.log.warn({ err: error }, "chore failed"));
  const tell = async () =>
    reportWorker(tools.database, {
      ...report,
      tools: await self.tools(),
      warnings: self.warnings(),
    });
  await tell();
  // Each hold has a workflow that ends it in time; this is for those whose workflow got lost.
  const endOverdue = () => endAbandonedHolds(tools.database);
  await attempt(() => tidy(tools));
  await attempt(endOverdue);
  const timers = [
    setInterval(() => void attempt(tell), REPORT_MS),
    setInterval(() => void attempt(() => tidy(tools)), TIDY_MS),
    setInterval(() => void attempt(endOverdue), HOUR_MS),
  ];
  return async () => {
    timers.forEach(clearInterval);
    await attempt(() => dismissWorker(tools.database, report.id));
  };
}

/** Ends what nobody ended: staged objects and the like, whose process died or whose time has come. */
async function tidy({ database, objects }: ChoreTools): Promise<void> {
  for (const key of await expiredStaged(database)) {
    if (!(await claimExpired(database, key))) continue;
    await objects.discardUnfinished(key);
    await objects.delete(key);
    await forgetStaged(database, key);
  }
  await forgetExpiredKeys(database);
  await forgetCodes(database, new Date());
  await forgetEndedSessions(database, new Date(Date.now() - DAY_MS));
  await forgetOidcStates(database, new Date(Date.now() - DAY_MS));
  await forgetScenes(database, new Date(Date.now() - DAY_MS));
  await forgetParses(database);
  await tidyGates(database, new Date());
  await endOverdueRoom(database, new Date());
  await forgetDisks(database, new Date(Date.now() - DAY_MS));
  await endOverdueLeases(database, new Date());
  await forgetLeases(database, new Date(Date.now() - LIMITS.proxyUsageDays * DAY_MS));
  await tellSellers(database);
  await forgetDeliveries(database, new Date(Date.now() - LIMITS.webhookDeliveryDays * DAY_MS));
  await forgetFrames(database, {
    frames: new Date(Date.now() - LIMITS.feedHours * HOUR_MS),
    tasks: new Date(Date.now() - LIMITS.feedTaskDays * DAY_MS),
  });
}
