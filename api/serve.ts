import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { Actor } from "../domain/accounts.ts";
import { type Issue, refusal, refusalIn } from "../domain/errors.ts";
import { LIMITS } from "../domain/limits.ts";
import type { IdempotentCall } from "../models/operations.ts";
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
  return (ctx) => {
    const { route } = ctx.state.found;
    if (!route) return answerWithoutRoute(ctx);

    const issues: Issue[] = [];
    if (lacksApiKey(ctx, route)) issues.push({ path: "X-API-Key", in: "header", message: MISSING });
    else guard(ctx, route);
    const once = idempotentCall(ctx, route, issues);
    const serve = (given: unknown) => {
      const checked = checkRequest(ctx, route, given, issues);
      if (issues.length > 0) throw refusalOf(issues, route, given);
      return answerBy(route, ctx, { services, checked, once, given });
    };
    return route.body ? readBody(ctx, route).then(serve) : serve(undefined);
  };
}

/** What is known of a request when its route comes to answer it. */
interface Served {
  services: Services;
  checked: Checked;
  /** That it is to be done once, whoever asks how often. */
  once: IdempotentCall | undefined;
  /** The body, as it came. */
  given: unknown;
}

/** Waits for nothing that is there at once: of crowds each would cost. */
function answerBy(
  route: Route,
  ctx: Context,
  { services, checked, once, given }: Served,
): Promise<void> | undefined {
  const headers: Record<string, string> = {};
  const form = route.form && createFormReader(ctx, route, services);
  const call = new KnownCall(ctx, checked, { services, headers, receive: form?.receive });
  const show = (answer: unknown) => {
    if (answer instanceof Export) return sendExport(ctx, answer);
    return sendJson(ctx, present(ctx, route, answer, headers, services));
  };
  if (Array.isArray(route.returns) && !once) return after(route.handle(call), show);
  if (!once) {
    const { env } = services;
    return after(route.handle(call), (answer) => sendOther(ctx, route, answer, { headers, env }));
  }

  const work = async () => present(ctx, route, await route.handle(call), headers, services);
  const fingerprint = async () =>
    fingerprintOf({ url: ctx.url, body: form ? await form.content() : given });
  const keeping = { database: services.database, log: ctx.state.log, fingerprint };
  return doOnce(once, keeping, work).then((outcome) => sendJson(ctx, outcome));
}

type Sent = Promise<void> | undefined;

function after(answer: unknown, send: (answer: unknown) => Sent | void): Sent {
  return (answer instanceof Promise ? answer.then(send) : send(answer)) as Sent;
}

/** OPTIONS is answered for every path that is known; else the method or the path is unknown. */
function answerWithoutRoute(ctx: Context): undefined {
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
  return undefined;
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
    query: check(route.query, route.query && { ...ctx.query }, "query", issues),
    body: check(route.body, given, "body", issues),
  };
}

type Checked = Pick<AnyCall, "params" | "query" | "body">;

interface Given {
  services: Services;
  /** Those of the answer, to be filled. */
  headers: Record<string, string>;
  /** Where the route has a form. */
  receive: AnyCall["receive"] | undefined;
}

/**
 * One shape for every call: an object put together anew would have one of its own each time. What few ask for is made when
 * they do.
 */
class KnownCall implements AnyCall {
  readonly #ctx: Context;
  readonly #given: Given;
  readonly actor: Actor | undefined;
  readonly access: Access;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly services: Services;
  readonly requestId: string;
  readonly address: string;

  constructor(ctx: Context, checked: Checked, given: Given) {
    const { actor, found, requestId, address } = ctx.state;
    this.#ctx = ctx;
    this.#given = given;
    this.actor = actor;
    this.access = found.route!.access as Access;
    this.params = checked.params;
    this.query = checked.query;
    this.body = checked.body;
    this.services = given.services;
    this.requestId = requestId;
    this.address = address;
  }

  get signal(): AbortSignal {
    return this.#ctx.state.signal;
  }

  get receive(): AnyCall["receive"] {
    const { receive } = this.#given;
    if (receive) return receive;
    throw new Error("a route that receives a form must declare it");
  }

  get header(): AnyCall["header"] {
    const { headers } = this.#given;
    return (name, value) => void (headers[name] = value);
  }

  get requestHeader(): AnyCall["requestHeader"] {
    return (name) => this.#ctx.get(name) || undefined;
  }

  get isHead(): boolean {
    return this.#ctx.method === "HEAD";
  }

  get prefers(): AnyCall["prefers"] {
    const ctx = this.#ctx;
    return (header, offers) =>
      (header === "accept" ? ctx.accepts(offers) : ctx.acceptsLanguages(offers)) || undefined;
  }
}

/** Reads the form once: for the handler, or, when an outcome is replayed, only to compare it. */
function createFormReader(ctx: Context, route: Route, { env }: Services) {
  const fileBytes = route.fileBytes?.(env) ?? LIMITS.packageBytes;
  let received: Form<{ sha256: string }> | undefined;
  const receive = async <T extends { sha256: string }>(
    store: (file: Readable, fileName: string) => Promise<T>,
    discard: (file: T) => Promise<unknown>,
  ) => {
    const form = await receiveForm(ctx, { fields: route.form!, fileBytes }, { store, discard });
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
