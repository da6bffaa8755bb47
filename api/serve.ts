import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Actor } from "../domain/accounts.ts";
import { type Issue, refusal, refusalIn } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import { type Outcome, sendExport, sendJson, sendPage, sendText } from "./answers.ts";
import { type Form, receiveForm } from "./bodies/form.ts";
import { readFields } from "./bodies/fields.ts";
import { readJson } from "./bodies/json.ts";
import type { AsyncStep, Context } from "./context.ts";
import { type Delivery, deliver } from "./delivery.ts";
import { DIALECTS } from "./dialects/index.ts";
import { doOnce, fingerprintOf, idempotentCall } from "./idempotency.ts";
import { guard, lacksApiKey } from "./middleware/sign-in.ts";
import { type Access, type Call, Export, Forecast, type Page, type Route } from "./route.ts";
import type { Services } from "./services.ts";
import { check, invalid, MISSING } from "./validation.ts";

/** A call with its types forgotten. */
type AnyCall = Call<unknown, unknown, unknown, unknown, Access>;

/** Answers the request by its route: guard, check everything that was declared, handle, present. */
export function serveRoutes(services: Services): AsyncStep {
  return async (ctx) => {
    const { route } = ctx.state.found;
    if (!route) return answerWithoutRoute(ctx);

    const issues: Issue[] = [];
    if (lacksApiKey(ctx, route)) issues.push({ path: "X-API-Key", in: "header", message: MISSING });
    else guard(ctx, route);
    const once = idempotentCall(ctx, route, issues);
    const given = route.body && (await readBody(ctx, route));
    const checked = checkRequest(ctx, route, given, issues);
    if (issues.length > 0) throw refusalOf(issues, route, given);

    const headers: Record<string, string> = {};
    const form = createFormReader(ctx, route, services);
    const call = new KnownCall(ctx, checked, { services, headers, receive: form.receive });
    const handle = (): unknown => route.handle(call);
    const shown = (answer: unknown) => present(ctx, route, answer, headers, services);
    if (!Array.isArray(route.returns))
      return sendOther(ctx, route, await handle(), { headers, env: services.env });
    if (route.returns[2] === "export") {
      const answer = await handle();
      if (answer instanceof Export) return sendExport(ctx, answer);
      return sendJson(ctx, shown(answer));
    }
    if (!once) return sendJson(ctx, shown(await handle()));

    const work = async () => shown(await handle());
    const fingerprint = async () =>
      fingerprintOf({ url: ctx.url, body: route.form ? await form.content() : given });
    const keeping = { database: services.database, log: ctx.state.log, fingerprint };
    sendJson(ctx, await doOnce(once, keeping, work));
  };
}

/** OPTIONS is answered for every path that is known; else the method or the path is unknown. */
function answerWithoutRoute(ctx: Context): void {
  const { allowed } = ctx.state.found;
  if (allowed.length === 0) {
    throw refusal(
      "request/not-found",
      "There is nothing at this address. See /docs for what there is.",
    );
  }
  const Allow = [...allowed, "OPTIONS"].join(", ");
  if (ctx.method !== "OPTIONS") {
    throw refusal("request/method-not-allowed", `This address knows ${Allow}.`, {
      headers: { Allow },
    });
  }
  ctx.set({ Allow });
  ctx.status = 204;
}

const UNREADABLE = new Set<string | undefined>([
  "request/malformed",
  "request/unsupported-media-type",
]);

async function readBody(ctx: Context, { unfit, bodyType }: Route): Promise<unknown> {
  if (bodyType) return readFields(ctx);
  if (!unfit) return readJson(ctx);
  return readJson(ctx).catch((error: unknown) => {
    throw UNREADABLE.has(refusalIn(error)?.code) ? unfit(undefined) : error;
  });
}

function refusalOf(issues: Issue[], { unfit }: Route, given: unknown): Error {
  return unfit && issues.some((issue) => issue.in === "body") ? unfit(given) : invalid(issues);
}

function checkRequest(ctx: Context, route: Route, given: unknown, issues: Issue[]): Checked {
  return {
    params: check(route.params, ctx.state.found.params, "path", issues),
    query: check(route.query, { ...ctx.query }, "query", issues),
    body: check(route.body, given, "body", issues),
  };
}

type Checked = Pick<AnyCall, "params" | "query" | "body">;

interface Given {
  services: Services;
  /** Those of the answer, to be filled. */
  headers: Record<string, string>;
  receive: AnyCall["receive"];
}

/** One shape for every call: an object put together anew would have one of its own each time. */
class KnownCall implements AnyCall {
  readonly #ctx: Context;
  readonly actor: Actor | undefined;
  readonly access: Access;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly receive: AnyCall["receive"];
  readonly services: Services;
  readonly requestId: string;
  readonly address: string;
  readonly header: AnyCall["header"];

  constructor(ctx: Context, checked: Checked, { services, headers, receive }: Given) {
    const { actor, found, requestId, address } = ctx.state;
    this.#ctx = ctx;
    this.actor = actor;
    this.access = found.route!.access as Access;
    this.params = checked.params;
    this.query = checked.query;
    this.body = checked.body;
    this.receive = receive;
    this.services = services;
    this.requestId = requestId;
    this.address = address;
    this.header = (name, value) => void (headers[name] = value);
  }

  /** Made when it is asked for, which few do. */
  get signal(): AbortSignal {
    return this.#ctx.state.signal;
  }

  readonly requestHeader = (name: string) => this.#ctx.get(name) || undefined;

  readonly prefers = (header: "accept" | "accept-language", offers: string[]) =>
    (header === "accept" ? this.#ctx.accepts(offers) : this.#ctx.acceptsLanguages(offers)) ||
    undefined;
}

/** Reads the form once: for the handler, or, when an outcome is replayed, only to compare it. */
function createFormReader(ctx: Context, route: Route, { env }: Services) {
  const fileBytes = route.fileBytes?.(env) ?? LIMITS.packageBytes;
  let received: Form<{ sha256: string }> | undefined;
  const receive = async <T extends { sha256: string }>(
    store: (file: Readable, fileName: string) => Promise<T>,
    discard: (file: T) => Promise<unknown>,
  ) => {
    if (!route.form) throw new Error("a route that receives a form must declare it");
    const form = await receiveForm(ctx, { fields: route.form, fileBytes }, { store, discard });
    received = form;
    return form as Form<T> & { fields: never };
  };
  const content = async () => {
    const { texts, file } = received ?? (await receive(digest, async () => undefined));
    return { texts, sha256: file.sha256 };
  };
  return { receive, content };
}

async function digest(file: Readable): Promise<{ sha256: string }> {
  const hash = createHash("sha256");
  await pipeline(file, hash);
  return { sha256: hash.digest("hex") };
}

/** The JSON of an answer in the client's dialect. A shape that was not declared is a bug, found before production. */
function present(
  ctx: Context,
  route: Route,
  answer: unknown,
  headers: Record<string, string>,
  { env }: Services,
): Outcome {
  const { returns } = route;
  if (returns[2] === "nothing" && answer === null) return { status: 204, headers, body: null };
  const isForecast = answer instanceof Forecast;
  const [status, shape] = (isForecast ? returns[2] : returns) as [number, z.ZodType];
  const value = isForecast ? (answer.body as unknown) : answer;
  const { error } = shape.safeParse(value);
  if (error) {
    const mismatch = new Error(
      `${ctx.state.found.operationId} answers what it does not declare:\n${z.prettifyError(error)}`,
    );
    if (!env.production) throw mismatch;
    ctx.state.log.error({ err: mismatch }, "an answer has another shape");
  }
  const dialect = DIALECTS[route.dialect ?? "native"];
  const body = status === 204 ? null : JSON.stringify(dialect.success(value, status));
  return { status, headers, body };
}

function sendOther(
  ctx: Context,
  { returns }: Route,
  value: unknown,
  { headers, env }: { headers: Record<string, string>; env: Services["env"] },
): Promise<void> | void {
  ctx.set(headers);
  if (returns === "delivery") return deliver(ctx, value as Delivery, env.DELIVERY);
  if (returns === "export") return sendExport(ctx, value as Export);
  if (returns === "text") return sendText(ctx, value as Readable);
  if (returns === "events") return sendText(ctx, value as Readable, "text/event-stream");
  sendPage(ctx, value as Page);
}
