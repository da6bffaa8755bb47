import { hostname } from "node:os";
import type { Logger } from "pino";
import { bytesToFetch, roomBelow, usedPercent } from "../domain/disks.ts";
import type { Database } from "../models/database.ts";
import { type SeenDisk, watchDisk } from "../models/disks/index.ts";
import { measureDisk } from "../platform/disk.ts";
import type { Env } from "../platform/env.ts";

/** What a worker says of the disk under its data folder. */
export interface DiskWatch {
  measure: () => Promise<SeenDisk>;
  /** What is wrong with it, in sentences. */
  warnings: () => string[];
  close: () => void;
}

const LOOK_MS = 10_000;

/** Looks at the disk again and again, writes down how it is, and has people told when it fills up. */
export async function openDiskWatch(
  env: Env,
  { database, log }: { database: Database; log: Logger },
): Promise<DiskWatch> {
  const measure = async (): Promise<SeenDisk> => ({
    ...(await measureDisk(env.dataFolder)),
    name: `${hostname()} ${env.dataFolder}`,
  });
  let warnings: string[] = [];
  const look = async () => {
    const disk = await measure();
    warnings = complaintsOf(disk, env);
    if (!(await watchDisk(database, disk, env.DISK_WARNING_PERCENT))) return;
    const percent = Math.floor(usedPercent(disk));
    log.warn({ disk: disk.name, percent }, "the disk is filling up");
  };
  const attempt = () =>
    look().catch((error: unknown) => log.warn({ err: error }, "the disk could not be looked at"));
  await attempt();
  const timer = setInterval(() => void attempt(), LOOK_MS);
  return { measure, warnings: () => warnings, close: () => clearInterval(timer) };
}

function complaintsOf(disk: SeenDisk, env: Env): string[] {
  const percent = usedPercent(disk);
  const about = `The disk ${disk.name} is ${Math.floor(percent)} % full`;
  if (percent >= env.DISK_LIMIT_PERCENT) return [`${about}: new downloads are refused.`];
  if (percent >= env.DISK_WARNING_PERCENT) return [`${about}.`];
  if (roomBelow(disk, env.DISK_LIMIT_PERCENT) >= bytesToFetch(env.DOWNLOAD_MAX_BYTES)) return [];
  return [
    `${about}: below DISK_LIMIT_PERCENT there is no room for twice DOWNLOAD_MAX_BYTES, and downloads of unknown size wait.`,
  ];
}
