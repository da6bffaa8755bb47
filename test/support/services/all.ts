import { workflowBundle } from "./bundle.ts";
import { MARIADB, mysqlAddress } from "./mariadb.ts";
import { providePrograms, TOOLS } from "./programs.ts";
import { REDIS, redisAddress } from "./redis.ts";
import { s3Access } from "./s3.ts";
import { temporalAddress } from "./temporal.ts";
import { timeSkippingServer } from "./time-skipping.ts";

/**
 * Brings up side by side what the tests of a run share, and names it in this process's environment. What fails
 * here is tried again by the tests that need it, and they say why.
 */
export async function prepareEverything(): Promise<void> {
  // One installation of all packages is quicker than one for each.
  await providePrograms([MARIADB, REDIS, ...TOOLS]).catch(() => []);
  await Promise.allSettled([
    mysqlAddress(),
    redisAddress(),
    s3Access(),
    temporalAddress(),
    timeSkippingServer(),
    workflowBundle(),
  ]);
}
