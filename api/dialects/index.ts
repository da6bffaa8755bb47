import type { Issue, RefusalCode, RefusalExtras } from "../../domain/errors.ts";
import type { DialectName } from "../route.ts";
import { coded } from "./coded.ts";
import { native } from "./native.ts";
import { status } from "./status.ts";

/** A "no" on its way to the client. */
export interface Refused {
  code: RefusalCode;
  status: number;
  /** The sentence for a person. */
  message: string;
  extras: RefusalExtras;
}

/** A piece of JSON Schema 2020-12, which is what OpenAPI 3.1 is written in. */
export type JsonSchema = Record<string, unknown>;

/** The envelope around answers that a kind of client expects; handlers never see it. */
export interface Dialect {
  /** The media type of a "no". */
  failureType: string;
  success(body: unknown, status: number): unknown;
  failure(refused: Refused, requestId: string): unknown;
  /** The "no" to a request with faults: all of them. */
  invalid(issues: Issue[], requestId: string): unknown;
  /** How `success` and `failure` look in the documentation. */
  successSchema(body: JsonSchema, status: number): JsonSchema;
  failureSchema: JsonSchema;
}

/** The three envelopes by name. */
export const DIALECTS: Record<DialectName, Dialect> = { native, coded, status };
