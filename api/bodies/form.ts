import { PassThrough, type Readable } from "node:stream";
import { Busboy, type BusboyFileStream, type BusboyInstance } from "@fastify/busboy";
import type { z } from "zod";
import { type Issue, REFUSALS, refusal, refusalIn } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { Context } from "../context.ts";
import { check, invalid, MISSING } from "../validation.ts";
import { letBodyCome } from "./arrival.ts";

/** What a form must be: its text fields, and how large its file may be. */
export interface FormRules {
  fields: z.ZodType;
  fileBytes: number;
}

/** A form that came whole and is right. `texts` are its fields as they were sent. */
export interface Form<T> {
  fields: unknown;
  texts: Record<string, string>;
  file: T;
  fileName: string;
}

/** Where the file of a form goes, and how that is undone. */
export interface FileStore<T> {
  store: (file: Readable, fileName: string) => Promise<T>;
  discard: (file: T) => Promise<unknown>;
}

/** The part that is a file. `stored` never rejects: it is looked at when the form has ended. */
interface FilePart<T> {
  name: string;
  bytes: PassThrough;
  stored: Promise<Stored<T>>;
}
type Stored<T> = { file: T } | { fault: Error };

/** What came. `fault` says why the form was not read to its end. */
interface Parts<T> {
  texts: Map<string, string>;
  issues: Issue[];
  part?: FilePart<T>;
  fault?: Error;
}

/**
 * Reads a multipart form as it arrives, its parts in any order, and hands its one `file` to `store`: nothing but the
 * text fields is held in memory. Refuses with all faults at once. When there is something to refuse after `store`
 * has ended well, what it made goes to `discard`.
 */
export async function receiveForm<T>(
  ctx: Context,
  rules: FormRules,
  target: FileStore<T>,
): Promise<Form<T>> {
  const parts = await readParts(ctx, rules.fileBytes, target);
  const { issues, part } = parts;
  const texts = Object.fromEntries(parts.texts);
  const stored = await part?.stored;
  const fields = parts.fault ? undefined : check(rules.fields, texts, "body", issues);
  const no = parts.fault ?? whyNot(stored, issues);
  if (stored && "file" in stored) {
    if (!no) return { fields, texts, file: stored.file, fileName: part!.name };
    await target.discard(stored.file).catch((error: unknown) => {
      // The client is owed its own fault; what is left over ends with its lease.
      ctx.state.log.warn({ err: error }, "a refused file was not discarded");
    });
  }
  throw no!;
}

/** The refusal of a form that was read to its end, or undefined when all is right. */
function whyNot(stored: Stored<unknown> | undefined, issues: Issue[]): Error | undefined {
  if (!stored && !issues.some(({ path }) => path === "file")) {
    issues.push({ path: "file", in: "body", message: MISSING });
  }
  if (!stored || "file" in stored) return issues.length > 0 ? invalid(issues) : undefined;
  if (issues.length === 0) return stored.fault;
  const { message, extras } = refusalIn(stored.fault)!;
  return invalid([...issues, ...(extras.issues ?? [{ path: "file", in: "body", message }])]);
}

function createParser(ctx: Context, fileBytes: number): BusboyInstance {
  const { formFields, formFieldBytes } = LIMITS;
  if (
    !ctx.is("multipart/form-data") ||
    (ctx.get("Content-Encoding") || "identity") !== "identity"
  ) {
    throw refusal(
      "request/unsupported-media-type",
      "Send a form: multipart/form-data, not compressed.",
    );
  }
  if ((ctx.request.length ?? 0) > fileBytes + formFields * formFieldBytes)
    throw tooLarge(fileBytes);
  try {
    return new Busboy({
      headers: { ...ctx.req.headers, "content-type": ctx.get("Content-Type") },
      preservePath: true,
      limits: {
        fields: formFields,
        fieldSize: formFieldBytes,
        files: formFields,
        fileSize: fileBytes,
        parts: formFields,
        headerPairs: 32,
        headerSize: 8192,
      },
    });
  } catch {
    throw refusal("request/malformed", "The Content-Type of the form names no boundary.");
  }
}

/** Ends when the form has, or as soon as there is no sense in reading on. */
async function readParts<T>(
  ctx: Context,
  fileBytes: number,
  { store }: FileStore<T>,
): Promise<Parts<T>> {
  const parser = createParser(ctx, fileBytes);
  const parts: Parts<T> = { texts: new Map(), issues: [] };
  await new Promise<void>((resolve) => {
    const stop = (fault: Error) => {
      parts.fault ??= fault;
      ctx.req.unpipe(parser);
      parts.part?.bytes.destroy(fault);
      resolve();
    };
    collectTexts(parser, parts);
    parser.on("file", (field, stream, name) => {
      if (field !== "file" || parts.part) {
        parts.issues.push(unwanted(field, field === "file"));
        stream.resume();
        return;
      }
      const part = receiveFile(stream, name, fileBytes, store);
      parts.part = part;
      void stopWhenFailed(part, stop);
    });
    for (const limit of ["fieldsLimit", "filesLimit", "partsLimit"] as const) {
      parser.once(limit, () => stop(tooMany()));
    }
    parser.on("error", (error) => stop(faultOf(error as Error)));
    parser.once("finish", resolve);
    ctx.req.once("error", () => stop(cutShort()));
    if (ctx.req.destroyed) return stop(cutShort());
    letBodyCome(ctx);
    ctx.req.pipe(parser);
  });
  return parts;
}

function collectTexts(parser: BusboyInstance, { texts, issues }: Parts<unknown>): void {
  const { formFieldBytes } = LIMITS;
  parser.on("field", (field, text, _, isCut) => {
    const message =
      (field === "file" && "must be a file") ||
      (texts.has(field) && "is given twice") ||
      (isCut && `has more than ${formFieldBytes} bytes`);
    if (message) issues.push({ path: field, in: "body", message });
    if (field !== "file") texts.set(field, text);
  });
}

function receiveFile<T>(
  stream: BusboyFileStream,
  name: string,
  fileBytes: number,
  store: FileStore<T>["store"],
): FilePart<T> {
  const bytes = new PassThrough();
  // Told through `stored`; a store that does not listen must not bring the process down.
  bytes.on("error", () => undefined);
  stream.on("limit", () => bytes.destroy(tooLarge(fileBytes)));
  stream.on("error", () => bytes.destroy(cutShort()));
  stream.pipe(bytes);
  const storing = async (): Promise<Stored<T>> => {
    try {
      const file = await store(bytes, name);
      bytes.resume(); // what the store did not want to read must not hold up the rest of the form
      return { file };
    } catch (error) {
      return { fault: bytes.errored ?? (error as Error) };
    }
  };
  return { name, bytes, stored: storing() };
}

async function stopWhenFailed(part: FilePart<unknown>, stop: (fault: Error) => void) {
  const end = await part.stored;
  if ("fault" in end && !isAboutContent(end.fault, part)) stop(end.fault);
}

/** True for a 422 about a file that was read to its end: the form can go on and show its other faults. */
function isAboutContent(fault: Error, { bytes }: FilePart<unknown>): boolean {
  const known = refusalIn(fault);
  return known !== undefined && REFUSALS[known.code] === 422 && bytes.readableEnded;
}

function unwanted(field: string, isSecond: boolean): Issue {
  return { path: field, in: "body", message: isSecond ? "is given twice" : "is not known here" };
}

function faultOf(error: Error): Error {
  if (/unexpected end/i.test(error.message)) return cutShort();
  return refusal("request/malformed", "The form is not valid multipart/form-data.");
}

function cutShort() {
  return refusal("request/cut-short", "The upload ended early. Send it again.");
}

function tooLarge(bytes: number) {
  return refusal("request/too-large", `The file may have ${bytes} bytes.`, {
    fields: { limit: bytes },
  });
}

function tooMany() {
  return refusal("request/too-large", `A form may have ${LIMITS.formFields} parts.`);
}
