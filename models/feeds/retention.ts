import { literal, Op, QueryTypes } from "sequelize";
import { LIMITS } from "../../domain/limits.ts";
import { type Database, inTransaction } from "../database.ts";
import { Feed, FeedFrame, FeedTask } from "./tables.ts";

/** Frames that are removed in one transaction: few enough that nobody notices who waits for it. */
const STRETCH = 2000;

/** Forgets what was told before `frames` or is beyond the most that a feed keeps, and tasks that ended before `tasks`. */
export async function forgetFrames(
  database: Database,
  { frames, tasks }: { frames: Date; tasks: Date },
): Promise<void> {
  for (const { account, seq } of await oldest(database, frames)) {
    await forgetUpTo(database, account, seq);
  }
  const long = { where: literal(`last_seq - forgotten_seq > ${LIMITS.feedFrames}`) };
  for (const { accountId } of await Feed.findAll(long)) {
    const beyond = await FeedFrame.findOne({
      attributes: ["seq"],
      where: { accountId },
      order: [["seq", "DESC"]],
      offset: LIMITS.feedFrames,
    });
    if (beyond) await forgetUpTo(database, accountId, beyond.seq);
  }
  await inTransaction(database, (transaction) =>
    FeedTask.destroy({ where: { endedAt: { [Op.lt]: tasks } }, transaction }),
  );
}

/** The newest frame of each account that is older than `before`. */
function oldest({ sequelize }: Database, before: Date) {
  return sequelize.query<{ account: string; seq: number }>(
    "SELECT account_id AS account, MAX(seq) AS seq FROM feed_frames WHERE created_at < :before GROUP BY account_id",
    { type: QueryTypes.SELECT, replacements: { before } },
  );
}

async function forgetUpTo(database: Database, accountId: string, seq: number): Promise<void> {
  for (;;) {
    const next = await FeedFrame.findOne({
      attributes: ["seq"],
      where: { accountId, seq: { [Op.lte]: seq } },
      order: [["seq", "ASC"]],
      offset: STRETCH - 1,
    });
    const upTo = next?.seq ?? seq;
    await inTransaction(database, async (transaction) => {
      const known = { accountId, forgottenSeq: { [Op.lt]: upTo } };
      await Feed.update({ forgottenSeq: upTo }, { where: known, transaction });
      const gone = { accountId, seq: { [Op.lte]: upTo } };
      await FeedFrame.destroy({ where: gone, transaction });
    });
    if (!next) return;
  }
}
