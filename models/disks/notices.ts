import type { Transaction } from "sequelize";
import { usedPercent } from "../../domain/disks.ts";
import { peopleWhoMay } from "../accounts.ts";
import { publishNotice } from "../feeds/index.ts";
import type { Disk } from "./tables.ts";

const GiB = 1024 ** 3;

/** Tells everybody who looks after downloads that a disk is filling up. */
export async function tellFilling(
  disk: Pick<Disk, "name" | "capacityBytes" | "usedBytes">,
  transaction: Transaction,
): Promise<void> {
  const percent = Math.floor(usedPercent(disk));
  const free = ((disk.capacityBytes - disk.usedBytes) / GiB).toFixed(1);
  const title = { zh: "磁盘空间不足", en: "A disk is filling up" };
  const message = {
    zh: `磁盘 ${disk.name} 已使用 ${percent}%，剩余 ${free} GiB。继续增长时将拒绝新的下载任务。`,
    en: `The disk ${disk.name} is ${percent} % full, ${free} GiB are left. When it fills further, new downloads are refused.`,
  };
  for (const accountId of await peopleWhoMay("downloads:oversee", transaction)) {
    await publishNotice({ accountId, type: "warning", title, message }, transaction);
  }
}
