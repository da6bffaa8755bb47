import { IndexHints, literal, Op, type WhereOptions } from "sequelize";
import { DOWNLOAD_STATES, type DownloadState, statusOf } from "../../domain/downloads.ts";
import { Download } from "./tables.ts";

/** What a history may be sorted by. */
type HistorySort = "created_at" | "file_size" | "status" | "platform";

/** What of a history is asked for. */
export interface HistoryQuery {
  accountId: string;
  state?: DownloadState | undefined;
  platform?: string | undefined;
  /** The list whose media are asked for; null for what was ordered itself. */
  parentId: string | null;
  /** The first moment, and the one that is too late. */
  from?: Date | undefined;
  to?: Date | undefined;
  sortBy: HistorySort;
  order: "ASC" | "DESC";
  /** How many rows lie before the page, and how many are on it. */
  offset: number;
  limit: number;
}

/** Clients know a status by its number: that is what they sort by. */
const STATUS = DOWNLOAD_STATES.map((state) => `WHEN '${state}' THEN ${statusOf(state)}`);

const ORDERS = {
  created_at: "createdAt",
  file_size: "bytes",
  status: literal(`CASE state ${STATUS.join(" ")} END`),
  platform: "platform",
} as const satisfies Record<HistorySort, unknown>;

/** A page of an account's history, and how many rows there are in all that match. */
export async function listHistory(
  query: HistoryQuery,
): Promise<{ items: Download[]; total: number }> {
  const { accountId, parentId, state, platform, from, to, sortBy, order } = query;
  const created = { ...(from && { [Op.gte]: from }), ...(to && { [Op.lt]: to }) };
  const where: WhereOptions = {
    accountId,
    parentId,
    deletedAt: null,
    ...(state && { state }),
    ...(platform && { platform }),
    ...((from || to) && { createdAt: created }),
  };
  // Of several filters the one that leaves least leads.
  const leading = platform ? ["platform"] : state ? ["state"] : ["parent_id"];
  const index = ["downloads_account_id", ...leading, "created_at_serial"].join("_");
  const items = await Download.findAll({
    where,
    order: [
      [ORDERS[sortBy], order],
      ["serial", order],
    ],
    offset: query.offset,
    limit: query.limit,
    ...(sortBy === "created_at" && {
      indexHints: [{ type: IndexHints.FORCE, values: [index] }],
    }),
  });
  return { items, total: await Download.count({ where }) };
}

/** The moments at which an account has ordered something since then. */
export async function orderedSince(accountId: string, since: Date): Promise<Date[]> {
  const rows = await Download.findAll({
    attributes: ["createdAt"],
    where: { accountId, kind: "media", deletedAt: null, createdAt: { [Op.gte]: since } },
  });
  return rows.map(({ createdAt }) => createdAt);
}
