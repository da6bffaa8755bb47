import { WorkflowNotFoundError } from "@temporalio/client";
import { dayOf, DOWNLOAD_STATES, expiryAfter, nextMidnight } from "../../../domain/downloads.ts";
import { refusal } from "../../../domain/errors.ts";
import { workflowId } from "../../../domain/ids.ts";
import { printShanghai } from "../../../domain/shanghai.ts";
import {
  cancelDownload as cancel,
  countBy,
  countChildren,
  deleteDownload,
  type Download,
  fetchOf,
  listHistory as list,
  orderedSince,
  retryDownload as retry,
  triesOf,
  usedToday,
} from "../../../models/downloads/index.ts";
import {
  extendDownload as extend,
  keepDownload as keep,
  tryDownloadNow,
} from "../../../workflows/downloads/index.ts";
import { assertAddress, findDownload, hasSucceeded, quotaOf } from "../../policies/downloads.ts";
import { route } from "../../route.ts";
import { Done } from "../../schemas/accounts.ts";
import {
  ExtendBody,
  ExtendedOut,
  HistoryEntryOut,
  HistoryId,
  HistoryItem,
  HistoryOut,
  HistoryQuery,
  presentDownload,
  presentTry,
  QuotaOut,
  StatsOut,
} from "../../schemas/downloads.ts";
import type { Services } from "../../services.ts";

const PATH = "/api/v1/user/history";
const ENTRY = `${PATH}/:history_id`;
/** While no worker runs, nobody hears a word: the caller is told, and may say it again. */
const PATIENCE_MS = 10_000;
const DAY_MS = 86_400_000;
const RECENT_DAYS = 30;

export const listDownloads = route({
  method: "get",
  path: PATH,
  summary: "What you have downloaded, page by page",
  access: "downloads:read",
  query: HistoryQuery,
  returns: [200, HistoryOut],
  async handle({ actor, query }) {
    const { page, page_size, sort_by: sortBy, sort_order, platform } = query;
    const parent = query.parent_id ? await findDownload(actor, query.parent_id) : null;
    const state = query.state ?? (query.status > 0 ? DOWNLOAD_STATES[query.status] : undefined);
    const { items, total } = await list({
      accountId: actor.accountId,
      parentId: parent?.id ?? null,
      state,
      platform,
      from: query.start_date,
      to: query.end_date,
      sortBy,
      order: sort_order === "asc" ? "ASC" : "DESC",
      offset: (page - 1) * page_size,
      limit: page_size,
    });
    return { total, page, page_size, items: await present(items) };
  },
});

export const readDownload = route({
  method: "get",
  path: ENTRY,
  summary: "One download: where it stands, and how each try went",
  access: "downloads:read",
  params: HistoryId,
  returns: [200, HistoryEntryOut],
  async handle({ actor, params }) {
    const row = await findDownload(actor, params.history_id);
    const tries = await triesOf(row);
    return { ...(await presentOne(row)), tries: tries.map(presentTry) };
  },
});

export const removeDownload = route({
  method: "delete",
  path: ENTRY,
  summary: "Take a download out of your history: what goes on is ended, its file is removed",
  access: "downloads:start",
  params: HistoryId,
  returns: [200, Done],
  async handle(call) {
    const row = await findDownload(call.actor, call.params.history_id);
    await deleteDownload(call.services.database, row, call);
    await call.services.bus.announce({ type: "outbox.filled", data: {} });
    return { success: true as const, message: "The download was removed." };
  },
});

export const cancelDownload = route({
  method: "post",
  path: `${ENTRY}/cancel`,
  summary: "End a download that is queued or under way",
  access: "downloads:start",
  params: HistoryId,
  returns: [202, HistoryItem],
  async handle(call) {
    const row = await findDownload(call.actor, call.params.history_id);
    const cancelled = await cancel(call.services.database, row, call);
    await call.services.bus.announce({ type: "outbox.filled", data: {} });
    return presentOne(cancelled);
  },
});

export const retryDownload = route({
  method: "post",
  path: `${ENTRY}/retry`,
  summary: "Let a failed download begin anew, or one that waits for its next try go on now",
  access: "downloads:start",
  params: HistoryId,
  returns: [202, HistoryItem],
  async handle(call) {
    const { actor, params, services } = call;
    const row = await findDownload(actor, params.history_id);
    if (row.state === "working") {
      const fetching = await fetchOf(row);
      await tell(services, row, (handle) => handle.executeUpdate(tryDownloadNow), fetching);
      return presentOne(await row.reload());
    }
    // It came with a list, and was refused then.
    if (row.errorCode === "downloads/address-refused") await assertAddress(services, row.url);
    const again = await retry(services.database, row, quotaOf(services), call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    return presentOne(again);
  },
});

export const extendDownload = route({
  method: "post",
  path: `${ENTRY}/extend`,
  summary: "Keep a ready file for longer, counted from now",
  access: "downloads:start",
  params: HistoryId,
  body: ExtendBody,
  returns: [200, ExtendedOut],
  async handle({ actor, params, body, services }) {
    const row = await findDownload(actor, params.history_id);
    const seconds = body.seconds ?? services.env.DOWNLOAD_QUICK_TTL;
    const expireAt = await tell(services, row, (handle) =>
      handle.executeUpdate(extend, { args: [{ seconds }] }),
    );
    const moment = new Date(expireAt ?? expiryAfter(Date.now(), seconds));
    return { history_id: row.serial, expire_at: printShanghai(moment) };
  },
});

export const keepDownload = route({
  method: "post",
  path: `${ENTRY}/keep`,
  summary: "Keep a ready file for ever",
  access: "downloads:start",
  params: HistoryId,
  returns: [200, HistoryItem],
  async handle({ actor, params, services }) {
    const row = await findDownload(actor, params.history_id);
    if (row.state !== "kept") {
      await tell(services, row, (handle) => handle.executeUpdate(keep));
    }
    return presentOne(await row.reload());
  },
});

export const readQuota = route({
  method: "get",
  path: "/api/v1/user/quota",
  summary: "How many downloads you may order today, and when the next day begins",
  access: "downloads:read",
  returns: [200, QuotaOut],
  async handle({ actor, services: { env } }) {
    const used = await usedToday(actor.accountId);
    const limit = quotaOf({ env }) ?? null;
    return {
      daily_limit: limit,
      daily_used: used,
      remaining: limit === null ? null : Math.max(0, limit - used),
      reset_at: printShanghai(nextMidnight(new Date())),
    };
  },
});

export const readStats = route({
  method: "get",
  path: "/api/v1/user/stats",
  summary: "What you have downloaded, in numbers",
  access: "downloads:read",
  returns: [200, StatsOut],
  async handle({ actor: { accountId } }) {
    const states = await countBy("state", accountId);
    const platforms = await countBy("platform", accountId);
    const since = new Date(nextMidnight(new Date()).getTime() - RECENT_DAYS * DAY_MS);
    const days = new Map<string, number>();
    for (const day of (await orderedSince(accountId, since)).map(dayOf)) {
      days.set(day, (days.get(day) ?? 0) + 1);
    }
    const sum = (some: typeof states) => some.reduce((total, { count }) => total + count, 0);
    const succeeded = states.filter(({ name }) => hasSucceeded(name as Download["state"]));
    return {
      total_downloads: sum(states),
      success_downloads: sum(succeeded),
      failed_downloads: sum(states.filter(({ name }) => name === "failed")),
      total_size_bytes: states.reduce((total, { bytes }) => total + bytes, 0),
      top_platforms: platforms
        .sort((one, other) => other.count - one.count)
        .slice(0, 5)
        .map(({ name: platform, count }) => ({ platform, count })),
      recent_activity: [...days]
        .map(([date, count]) => ({ date, count }))
        .sort((one, other) => one.date.localeCompare(other.date)),
    };
  },
});

/** Rows as they are shown, lists with how their media stand. */
async function present(rows: readonly Download[]) {
  const lists = rows.filter(({ kind }) => kind === "playlist");
  const children = await countChildren(lists.map(({ id }) => id));
  return rows.map((row) => presentDownload(row, children.get(row.id)));
}

async function presentOne(row: Download) {
  return (await present([row]))[0]!;
}

type Handle = ReturnType<Services["temporal"]["workflow"]["getHandle"]>;

/** Tells a download's workflow something and waits for its answer. One that is over has no end to move. */
async function tell<T>(
  { temporal }: Services,
  { id, state }: Download,
  ask: (handle: Handle) => Promise<T>,
  its = workflowId("download", id),
): Promise<T> {
  const handle = temporal.workflow.getHandle(its);
  try {
    return await temporal.withDeadline(Date.now() + PATIENCE_MS, () => ask(handle));
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw refusal("downloads/not-ready", `This download is ${state}: nothing of it goes on.`);
  }
}
