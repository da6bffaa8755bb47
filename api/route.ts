import type { Readable } from "node:stream";
import type { z } from "zod";
import type { Actor, Permission } from "../domain/accounts.ts";
import type { Env } from "../platform/env.ts";
import type { Delivery } from "./delivery.ts";
import type { Services } from "./services.ts";

/** Who may call. There is no default: a route that does not say does not compile. */
export type Access = "public" | "signed-in" | Permission;

/** The envelope a client expects (conventions: one of three). */
export type DialectName = "native" | "coded" | "status";

/** JSON of a shape, under a status. */
type Shaped = readonly [status: number, shape: z.ZodType];

/**
 * What a route answers: JSON of a shape (or, when asked, an export or a forecast; or 204 for null, when there is nothing
 * to say), a delivered object, text that grows, events as they come, or a page.
 */
export type Returns =
  | readonly [...Shaped, or?: "export" | "nothing" | Shaped]
  | "delivery"
  | "export"
  | "text"
  | "events"
  | "page";

/** A whole list, to be saved as a file: text that is made while it is sent. */
export class Export {
  readonly contentType: string;
  readonly fileName: string;
  readonly text: Readable;

  constructor(contentType: string, fileName: string, text: Readable) {
    this.contentType = contentType;
    this.fileName = fileName;
    this.text = text;
  }
}

/** What would be, in place of what was asked for: answered by the second shape that a route declares. */
export class Forecast<T> {
  readonly body: T;

  constructor(body: T) {
    this.body = body;
  }
}

/** A finished body of any type, sent with 200 when not said otherwise. */
export interface Page {
  status?: number;
  contentType: string;
  body: string | Buffer;
  headers?: Record<string, string>;
}

type Answer<R extends Returns> = R extends readonly [number, infer S extends z.ZodType, "export"]
  ? z.input<S> | Export
  : R extends readonly [
        number,
        infer S extends z.ZodType,
        readonly [number, infer F extends z.ZodType],
      ]
    ? z.input<S> | Forecast<z.input<F>>
    : R extends readonly [number, infer S extends z.ZodType, "nothing"]
      ? z.input<S> | null
      : R extends readonly [number, infer S extends z.ZodType]
        ? z.input<S>
        : R extends "delivery"
          ? Delivery
          : R extends "export"
            ? Export
            : R extends "text" | "events"
              ? Readable
              : Page;

type Parsed<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;

/** A received multipart form: its checked fields and what `store` made of its one file. */
export interface ReceivedForm<F, T> {
  fields: F;
  file: T;
  /** The file's name as the client wrote it: to be shown, never trusted. */
  fileName: string;
}

/**
 * Reads the form as it arrives; fields may come in any order. `store` gets the file's bytes once, as a stream
 * that fails when the upload is cut short or too large. When the form is refused after `store` has ended,
 * `discard` gets back what it made, and then `receive` rejects.
 */
export type ReceiveForm<F> = <T extends { sha256: string }>(
  store: (file: Readable, fileName: string) => Promise<T>,
  discard: (stored: T) => Promise<unknown>,
) => Promise<ReceivedForm<F, T>>;

/** One call of a route, with everything checked that was declared. */
export interface Call<P, Q, B, F, A extends Access> {
  actor: A extends "public" ? Actor | undefined : Actor;
  /** What the route says about who may call: policies ask the row for the same. */
  access: A;
  params: P;
  query: Q;
  body: B;
  receive: ReceiveForm<F>;
  services: Services;
  requestId: string;
  /** The caller's network address. */
  address: string;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** Sets a header of the answer. */
  header: (name: string, value: string) => void;
  requestHeader: (name: string) => string | undefined;
  /** True for a HEAD, which only looks: nothing is used up by it. */
  isHead: boolean;
  /** The offer that the client likes best, by its Accept or Accept-Language; undefined when it likes none. */
  prefers: (header: "accept" | "accept-language", offers: string[]) => string | undefined;
}

interface Declaration<P, Q, B, F, A extends Access, R extends Returns> {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** The whole path, `:name` for a parameter. */
  path: string;
  /** One sentence for the documentation. */
  summary: string;
  access: A;
  /**
   * True when `access` is asked of the packages that a call is about, in their policy: then keys may call that have
   * the right to some packages alone. The guard refuses them everywhere else.
   */
  perPackage?: true;
  /** `api-key`: only `X-API-Key` signs in here. */
  credential?: "api-key";
  dialect?: DialectName;
  /** True for what must always answer (probes, fixed links): not counted against LIMIT_REQUESTS. */
  unlimited?: true;
  /**
   * True when it leads to the bytes of a package without giving them itself: it is shut by all that shuts what gives
   * them, which a test asks of every door there is.
   */
  door?: true;
  /** True for what comes in crowds: a GET or POST of one address that takes and answers JSON, which then costs a fraction. */
  hot?: true;
  /** True when clients may ask for a signature of the answer, by a nonce (middleware/prove-answers.ts). */
  proven?: true;
  /** True when the answer holds a secret: it is never kept, so an Idempotency-Key is not honoured. */
  secret?: true;
  params?: P;
  query?: Q;
  body?: B;
  /** How `body` comes when not as JSON: as the fields of a plain form, each once. */
  bodyType?: "application/x-www-form-urlencoded";
  /**
   * The refusal of a body that is not what `body` declares, in a contract's own words; `given` is undefined when there is
   * none that could be read. Not given: the platform's own.
   */
  unfit?: (given: unknown) => Error;
  /** The text fields of a multipart form that also carries one `file`. */
  form?: F;
  /** The largest file that `form` may carry; refused as soon as it shows. The limit of packages when not given. */
  fileBytes?: (env: Env) => number;
  returns: R;
  handle(call: Call<Parsed<P>, Parsed<Q>, Parsed<B>, Parsed<F>, A>): Promise<Answer<R>> | Answer<R>;
}

/** A route with its types forgotten, as the server walks them. */
// oxlint-disable-next-line typescript/no-explicit-any -- the list holds routes of every shape
export type Route = Declaration<any, any, any, any, any, any>;

/** All routes by operation id, which is the name under which each is exported. */
export type Routes = Readonly<Record<string, Route>>;

/** Declares a route: the identity function, with types. `handle` gets what was declared and must answer it. */
export function route<
  const R extends Returns,
  A extends Access,
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  F extends z.ZodType | undefined = undefined,
>(declaration: Declaration<P, Q, B, F, A, R>): Declaration<P, Q, B, F, A, R> {
  return declaration;
}
