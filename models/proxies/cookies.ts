import { literal, Op, type Transaction } from "sequelize";
import { refusal } from "../../domain/errors.ts";
import { type CookieStatus, frozenSecondsFor, type TrafficFault } from "../../domain/proxies.ts";
import type { Origin } from "../accounts/audit.ts";
import { secondsAfter } from "../columns.ts";
import { type Database, inTransaction } from "../database.ts";
import { nextSerial } from "../operations.ts";
import { auditProxies } from "./audit.ts";
import type { Unseal } from "./leases.ts";
import { Cookie, cookiePlace } from "./tables.ts";

/** A cookie to be used for one attempt, with its content in clear: for memory and a file that is removed. */
export interface LentCookie {
  id: string;
  /** As Netscape's cookie files are written. */
  content: string;
}

/** The least used cookie for a platform that may be used now; undefined when there is none. */
export async function lendCookie(
  database: Database,
  platform: string,
  unseal: Unseal,
): Promise<LentCookie | undefined> {
  return inTransaction(database, async (transaction) => {
    const now = new Date();
    const cookie = await Cookie.findOne({
      where: {
        platform,
        expireAt: { [Op.or]: [{ [Op.is]: null }, { [Op.gt]: now }] },
        frozenUntil: { [Op.or]: [{ [Op.is]: null }, { [Op.lte]: now }] },
      },
      order: [
        ["useCount", "ASC"],
        ["id", "ASC"],
      ],
      transaction,
    });
    if (!cookie) return undefined;
    const { id } = cookie;
    const used = { useCount: literal("use_count + 1"), lastUsedAt: now };
    await Cookie.update(used, { where: { id }, transaction });
    return { id, content: unseal(cookie.content, cookiePlace(id)) };
  });
}

/** Whether there are cookies for a platform, usable now or later. */
export async function hasCookies(platform: string): Promise<boolean> {
  return (await Cookie.count({ where: { platform } })) > 0;
}

/** Notes how an attempt went with a cookie: some faults let it rest. One that is gone is not missed. */
export async function noteCookie(
  database: Database,
  cookieId: string,
  fault: TrafficFault | null,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const where = { id: cookieId };
    const seconds = fault && frozenSecondsFor(fault);
    if (!fault) {
      await Cookie.update({ successCount: literal("success_count + 1") }, { where, transaction });
    } else if (seconds) {
      const frozenUntil = secondsAfter(new Date(), seconds);
      const failCount = literal("fail_count + 1");
      const frozen = { failCount, frozenUntil, freezeSeconds: seconds };
      await Cookie.update(frozen, { where, transaction });
    }
  });
}

/** Which cookies, from page 1 on. */
export interface CookieQuestion {
  platform?: string | undefined;
  status?: CookieStatus | undefined;
  page: number;
  pageSize: number;
}

/** How a cookie stands at `now`. */
export function cookieStatus({ expireAt, frozenUntil }: Cookie, now = new Date()): CookieStatus {
  if (expireAt && expireAt <= now) return "expired";
  return frozenUntil && frozenUntil > now ? "frozen" : "active";
}

/** The cookies that there are, newest first. */
export async function listCookies(
  question: CookieQuestion,
): Promise<{ total: number; cookies: Cookie[] }> {
  const { platform, status, page, pageSize } = question;
  const now = new Date();
  const lives = { expireAt: { [Op.or]: [{ [Op.is]: null }, { [Op.gt]: now }] } };
  const standing = {
    active: { ...lives, frozenUntil: { [Op.or]: [{ [Op.is]: null }, { [Op.lte]: now }] } },
    expired: { expireAt: { [Op.lte]: now } },
    frozen: { ...lives, frozenUntil: { [Op.gt]: now } },
  };
  const { count: total, rows: cookies } = await Cookie.findAndCountAll({
    where: { ...(platform && { platform }), ...(status && standing[status]) },
    order: [["serial", "DESC"]],
    limit: pageSize,
    offset: (page - 1) * pageSize,
  });
  return { total, cookies };
}

/** Adds a cookie. Its content comes sealed. */
export async function createCookie(
  database: Database,
  terms: Pick<Cookie, "id" | "platform" | "name" | "content" | "expireAt">,
  origin: Origin,
): Promise<Cookie> {
  return inTransaction(database, async (transaction) => {
    const serial = await nextSerial("cookies", transaction);
    const row = await Cookie.create({ ...terms, serial }, { transaction });
    await audit("proxies.cookie-added", row, origin, transaction, { after: shown(row) });
    return row;
  });
}

/** Changes what was said; everything else stays. New content thaws it. */
export async function changeCookie(
  database: Database,
  serial: number,
  change: Partial<Pick<Cookie, "name" | "content" | "expireAt">>,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await lockCookie(serial, transaction);
    const before = shown(row);
    const thawed = change.content ? { frozenUntil: null, freezeSeconds: 0 } : {};
    await row.update({ ...change, ...thawed }, { transaction });
    const after = { ...shown(row), ...(change.content && { content: "changed" }) };
    await audit("proxies.cookie-changed", row, origin, transaction, { before, after });
  });
}

/** Lets a cookie rest; answers until when. */
export async function freezeCookie(
  database: Database,
  serial: number,
  seconds: number,
  origin: Origin,
): Promise<Date> {
  return inTransaction(database, async (transaction) => {
    const row = await lockCookie(serial, transaction);
    const frozenUntil = secondsAfter(new Date(), seconds);
    await row.update({ frozenUntil, freezeSeconds: seconds }, { transaction });
    const after = { frozenUntil };
    await audit("proxies.cookie-frozen", row, origin, transaction, { after });
    return frozenUntil;
  });
}

/** Removes a cookie and its content. */
export async function deleteCookie(
  database: Database,
  serial: number,
  origin: Origin,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    const row = await lockCookie(serial, transaction);
    await row.destroy({ transaction });
    await audit("proxies.cookie-removed", row, origin, transaction, { before: shown(row) });
  });
}

/** The cookie that the contract knows by this number; refuses when there is none. */
export async function findCookie(serial: number): Promise<Cookie> {
  return found(await Cookie.findOne({ where: { serial } }));
}

async function lockCookie(serial: number, transaction: Transaction): Promise<Cookie> {
  const lock = transaction.LOCK.UPDATE;
  return found(await Cookie.findOne({ where: { serial }, lock, transaction }));
}

function found(cookie: Cookie | null): Cookie {
  if (cookie) return cookie;
  throw refusal("proxies/cookie-not-found", "There is no such cookie.");
}

function shown({ platform, name, expireAt, frozenUntil }: Cookie) {
  return { platform, name, expireAt, frozenUntil };
}

function audit(
  action: string,
  { serial }: Cookie,
  origin: Origin,
  transaction: Transaction,
  change: { before?: unknown; after?: unknown },
): Promise<void> {
  const about = { subjectKind: "cookie", subjectId: `${serial}`, ...change };
  return auditProxies(origin, action, about, transaction);
}
