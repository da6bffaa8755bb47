import { type IncomingMessage, type ServerResponse, validateHeaderValue } from "node:http";
import type Koa from "koa";
import type { Context, RequestState } from "./context.ts";

/** What the steps of api/app.ts need of a context to read a small body and to answer with JSON, or with nothing. */
type Needed =
  | "req"
  | "res"
  | "request"
  | "method"
  | "url"
  | "path"
  | "query"
  | "state"
  | "status"
  | "body"
  | "type"
  | "get"
  | "is"
  | "set"
  | "vary"
  | "accepts"
  | "acceptsLanguages";

/** A query that says one thing in letters that stand for themselves, as most do. */
const ONE_PLAIN = /^[\w.~-]+=[\w.~-]*$/;
/** What Node refuses in the value of a header: asked first, since most are right and Node asks in a roundabout way. */
const UNSENDABLE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/**
 * One request and its answer, as Koa's context shows them: Koa's own is a third of what a small answer costs. Headers are
 * kept as they will be sent, and all goes out in one piece.
 */
export class Exchange implements Pick<Context, Needed> {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly url: string;
  readonly path: string;
  state!: RequestState;
  body: Context["body"] = undefined;
  type = "";
  respond?: boolean = true;
  readonly #app: Koa<RequestState>;
  readonly #headers: string[];

  /** `usual` are headers that every answer has: names and values in turn, which have been sent before. */
  constructor(
    app: Koa<RequestState>,
    req: IncomingMessage,
    res: ServerResponse,
    { path, usual }: { path: string; usual: readonly string[] },
  ) {
    this.#app = app;
    this.#headers = usual.slice();
    this.req = req;
    this.res = res;
    this.method = req.method ?? "";
    this.url = req.url ?? "";
    this.path = path;
  }

  get query(): Context["query"] {
    const query = Object.create(null) as Context["query"];
    const search = this.url.slice(this.path.length + 1);
    if (ONE_PLAIN.test(search)) {
      const end = search.indexOf("=");
      query[search.slice(0, end)] = search.slice(end + 1);
      return query;
    }
    for (const [name, value] of new URLSearchParams(search)) {
      const before = query[name];
      query[name] = before === undefined ? value : [before, value].flat();
    }
    return query;
  }

  get status(): number {
    return this.res.statusCode;
  }

  set status(status: number) {
    this.res.statusCode = status;
  }

  get(name: string): string {
    return (this.req.headers[name.toLowerCase()] as string | undefined) ?? "";
  }

  /** Of one name or of many; a name that was set before keeps its place. */
  set(name: string | object, value: unknown = ""): void {
    if (typeof name === "string") return this.#put(name, String(value));
    const some = name as Record<string, unknown>;
    for (const one of Object.keys(some)) this.#put(one, String(some[one]));
  }

  vary(field: string | string[]): void {
    this.#put("Vary", String(field));
  }

  /** Few ask what follows: Koa knows. */
  get request(): Context["request"] {
    return this.koa().request;
  }

  get is(): Context["is"] {
    const koa = this.koa();
    return koa.is.bind(koa);
  }

  get accepts(): Context["accepts"] {
    const koa = this.koa();
    return koa.accepts.bind(koa);
  }

  get acceptsLanguages(): Context["acceptsLanguages"] {
    const koa = this.koa();
    return koa.acceptsLanguages.bind(koa);
  }

  koa(): Context {
    return this.#app.createContext(this.req, this.res);
  }

  /** Sends what the steps have made of it. */
  send(): void {
    const { res, body, type } = this;
    if (this.respond === false || res.writableEnded) return;
    if (typeof body === "string") {
      this.#put("Content-Type", type === "application/json" ? `${type}; charset=utf-8` : type);
      this.#put("Content-Length", String(Buffer.byteLength(body)));
    }
    res.writeHead(res.statusCode, this.#headers);
    res.end(body);
  }

  #put(name: string, value: string): void {
    // Here, where the step that made a mistake can still be answered for.
    if (UNSENDABLE.test(value)) validateHeaderValue(name, value);
    const headers = this.#headers;
    const lower = name.toLowerCase();
    for (let at = 0; at < headers.length; at += 2) {
      if (headers[at]!.length !== name.length || headers[at]!.toLowerCase() !== lower) continue;
      headers[at] = name;
      headers[at + 1] = value;
      return;
    }
    headers.push(name, value);
  }
}
