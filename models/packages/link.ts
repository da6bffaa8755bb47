import { Op, type Transaction } from "sequelize";
import { Package } from "./tables.ts";

/** Gives out the package's next publication number: one UPDATE, so no two orders ever get the same. */
export async function takeNumber(packageId: string, transaction: Transaction): Promise<number> {
  await Package.increment("lastNumber", { where: { id: packageId }, transaction });
  const { lastNumber } = await Package.findByPk(packageId, {
    attributes: ["lastNumber"],
    transaction,
    rejectOnEmpty: true,
  });
  return lastNumber;
}

/** Declares that `number` is going to the link; false when a higher one has been there before. */
export async function claimLink(
  packageId: string,
  number: number,
  transaction: Transaction,
): Promise<boolean> {
  const [claimed] = await Package.update(
    { publishingNumber: number },
    { where: { id: packageId, publishingNumber: { [Op.lte]: number } }, transaction },
  );
  return claimed > 0;
}

/** Records what the link shows now; false when a higher number is there already. Twice writes the same. */
export async function recordLiveVersion(
  packageId: string,
  live: { number: number; versionId: string },
  transaction: Transaction,
): Promise<boolean> {
  const [recorded] = await Package.update(
    { liveNumber: live.number, liveVersionId: live.versionId },
    { where: { id: packageId, liveNumber: { [Op.lte]: live.number } }, transaction },
  );
  return recorded > 0;
}
