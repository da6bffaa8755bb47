import { Op, type Transaction } from "sequelize";
import { isTaken } from "../database.ts";
import { page } from "../paging.ts";
import { keepStatus } from "./status.ts";
import { PackageChannel, PackageRun, type PackageVersion } from "./tables.ts";

/** Gives out the channel's next publication number: one UPDATE, so no two orders ever get the same. */
export async function takeNumber(
  packageId: string,
  name: string,
  transaction: Transaction,
): Promise<number> {
  const where = { packageId, name };
  await ensureChannel(packageId, name, transaction);
  await PackageChannel.increment("lastNumber", { where, transaction });
  const { lastNumber } = await PackageChannel.findOne({
    where,
    attributes: ["lastNumber"],
    transaction,
    rejectOnEmpty: true,
  });
  return lastNumber;
}

/** Makes the channel of a package, if it is not there. */
async function ensureChannel(
  packageId: string,
  name: string,
  transaction: Transaction,
): Promise<void> {
  if ((await PackageChannel.count({ where: { packageId, name }, transaction })) > 0) return;
  try {
    await PackageChannel.create({ packageId, name }, { transaction });
  } catch (error) {
    if (!isTaken(error)) throw error;
  }
}

/** A channel of a package; undefined when nothing was ever sent there. */
export async function findChannel(
  packageId: string,
  name: string,
  transaction?: Transaction,
): Promise<PackageChannel | undefined> {
  const options = transaction ? { transaction } : {};
  return (await PackageChannel.findOne({ where: { packageId, name }, ...options })) ?? undefined;
}

/** Declares that `number` is going to the channel's link; false when a higher one has been there before. */
export async function claimLink(
  packageId: string,
  name: string,
  number: number,
  transaction: Transaction,
): Promise<boolean> {
  const [claimed] = await PackageChannel.update(
    { publishingNumber: number },
    { where: { packageId, name, publishingNumber: { [Op.lte]: number } }, transaction },
  );
  return claimed > 0;
}

/** Records what the link shows now; false when a higher number is there already. Twice writes the same. */
export async function recordLiveVersion(
  packageId: string,
  name: string,
  live: { number: number; versionId: string },
  transaction: Transaction,
): Promise<boolean> {
  const [recorded] = await PackageChannel.update(
    { liveNumber: live.number, liveVersionId: live.versionId },
    { where: { packageId, name, liveNumber: { [Op.lte]: live.number } }, transaction },
  );
  if (recorded > 0) await keepStatus(packageId, transaction);
  return recorded > 0;
}

/** When a version came to its channel's link, the last time; undefined when it never did. */
export async function publishedAt({
  packageId,
  id: versionId,
  channel,
}: Pick<PackageVersion, "packageId" | "id" | "channel">): Promise<Date | undefined> {
  const { items } = await page(PackageRun, {
    where: { packageId, versionId, channel, state: "succeeded", number: { [Op.gt]: 0 } },
    order: [["number", "DESC"]],
    index: "package_runs_package_id_channel_number",
    limit: 1,
  });
  return items[0]?.endedAt ?? undefined;
}

/** The ids of versions that a channel's link has shown, the last one first. */
export async function shownVersions(
  packageId: string,
  channel: string,
  transaction: Transaction,
): Promise<string[]> {
  const runs = await PackageRun.findAll({
    where: { packageId, channel, state: "succeeded", number: { [Op.gt]: 0 } },
    order: [["number", "DESC"]],
    attributes: ["versionId"],
    transaction,
  });
  return [...new Set(runs.map(({ versionId }) => versionId))];
}
