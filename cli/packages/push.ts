import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { channelIssues, channelOf, nameIssues, versionIssues } from "../../domain/packages.ts";
import type { Order } from "../arguments.ts";
import { type Desk, everyItem, persist } from "../desk.ts";
import { EXIT, Refused, UsageFault } from "../endings.ts";
import { type FileToSend, multipartForm } from "../form.ts";
import type { Progress } from "../screen.ts";
import { concludeRun, followRun } from "./following.ts";
import {
  findByName,
  packagePath,
  type PackageOut,
  type RunOut,
  type VersionOut,
} from "./platform.ts";

/** What is pushed, and where to: to the package of an id, or to the one of a name, made when there is none. */
interface Push {
  target: { name: string } | { id: string };
  version: string;
  /** Stable when not given. */
  channel: string | undefined;
  draft: boolean;
  description: string | undefined;
  file: FileToSend & { sha256: string };
}

/** The run that a push began, or began before. */
interface Pushed {
  packageId: string;
  runId: string;
  isRepeated: boolean;
}

/** Sends a file as a version of a package and follows its run. */
export async function push(desk: Desk, { operands, options }: Order): Promise<number> {
  const { connection, screen } = desk;
  const given = readOptions(desk, options);
  const order: Push = { ...given, file: await readFile(desk, operands[0]!) };
  const pushed = await persist(desk, () => pushOnce(desk, order));
  const { packageId, runId } = pushed;
  screen.remark(
    pushed.isRepeated
      ? screen.words.pushedBefore(order.version)
      : screen.words.accepted(packageId, runId),
  );
  const run = options["no-follow"]
    ? await connection.ask<RunOut>("GET", packagePath(packageId, "runs", runId))
    : await followRun(desk, packageId, runId);
  const owner = await persist(desk, () =>
    connection.ask<PackageOut>("GET", packagePath(packageId)),
  );
  if (options["json"]) {
    screen.print(JSON.stringify({ package: owner, run, repeated: pushed.isRepeated }, null, 2));
  }
  return options["no-follow"] ? EXIT.done : concludeRun(desk, run, order.draft ? "draft" : owner);
}

function readOptions({ screen: { words } }: Desk, options: Order["options"]) {
  const { name, package: id, version, ...texts } = options as Record<string, string | undefined>;
  const { channel, description } = texts;
  if ((name === undefined) === (id === undefined)) throw new UsageFault(words.nameOrPackage);
  if (version === undefined) throw new UsageFault(words.noVersion);
  const issues = [
    ...versionIssues(version),
    ...(name === undefined ? [] : nameIssues(name)),
    ...(channel === undefined ? [] : channelIssues(channelOf(channel))),
  ];
  if (id !== undefined && !/^\d{1,15}$/.test(id)) {
    issues.push({ path: "package", message: "must be a package id, a whole number" });
  }
  const [issue] = issues;
  if (issue) throw new UsageFault(words.badField(issue.path, issue.message));
  const target = id === undefined ? { name: name! } : { id };
  return { target, version, channel, draft: options["draft"] === true, description };
}

async function readFile({ screen, signal }: Desk, path: string): Promise<Push["file"]> {
  const { words } = screen;
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw new UsageFault(words.unreadable(path, "not a file"));
    const file = { path, name: basename(path), bytes: facts.size };
    const progress = screen.progress(words.hashing(file.name), file.bytes);
    const hash = createHash("sha256");
    let read = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
      hash.update(chunk as Buffer);
      progress.at((read += (chunk as Buffer).length));
    }
    progress.end();
    return { ...file, bytes: read, sha256: hash.digest("hex") };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!code || signal.aborted) throw error;
    throw new UsageFault(words.unreadable(path, code), { cause: error });
  }
}

/**
 * One try, which may come after any number of others that were cut off anywhere: what they left is looked for first. A
 * try that is still being answered by the platform is met by the key, which is the same for the same content.
 */
async function pushOnce(desk: Desk, order: Push): Promise<Pushed> {
  const { target } = order;
  const id = "id" in target ? target.id : (await findByName(desk, target.name))?.id;
  if (id === undefined) return upload(desk, order, undefined);
  return (await findEarlier(desk, order, id)) ?? upload(desk, order, id);
}

/** The run of the same push, if it was accepted before. Refuses when the version has other content. */
async function findEarlier(desk: Desk, order: Push, id: string): Promise<Pushed | undefined> {
  const { version, file } = order;
  const versions = everyItem<VersionOut>(desk, packagePath(id, "versions"));
  for await (const there of versions) {
    if (there.version !== version) continue;
    if (there.original_sha256 !== file.sha256) {
      const detail = desk.screen.words.otherContent(version);
      throw new Refused(409, { code: "packages/version-taken", detail });
    }
    for await (const run of everyItem<RunOut>(desk, packagePath(id, "runs"))) {
      if (run.version === version && run.kind === "upload") {
        return { packageId: id, runId: run.id, isRepeated: true };
      }
    }
  }
  return undefined;
}

async function upload(
  desk: Desk,
  order: Push,
  id: string | undefined,
  /** A run that the key led to and that is gone with its package: the next key begins after it. */
  gone?: string,
): Promise<Pushed> {
  const { connection, screen } = desk;
  const { target, version, channel, draft, description, file } = order;
  const name = id === undefined && "name" in target ? target.name : undefined;
  const path = id === undefined ? "/api/v1/packages" : packagePath(id, "versions");
  const more = { ...(channel && { channel }), ...(draft && { draft: "true" }) };
  const fields = { sha256: file.sha256, name, version, description, ...more };
  // Shown from the first byte on: the platform may say no before.
  let progress: Progress | undefined;
  const show = (bytes: number) => {
    progress ??= screen.progress(screen.words.uploading(file.name), file.bytes);
    progress.at(bytes);
  };
  try {
    const accepted = await connection.ask<{ id: string; run: { id: string } }>("POST", path, {
      body: multipartForm(fields, file, {
        onSent: show,
        onFault: () => new UsageFault(screen.words.changed(file.name)),
      }),
      headers: { "Idempotency-Key": keyOf(path, { ...fields, gone }) },
    });
    progress?.end();
    const pushed = { packageId: accepted.id, runId: accepted.run.id, isRepeated: false };
    if (await isThere(desk, pushed)) return pushed;
    return upload(desk, order, id, pushed.runId);
  } catch (error) {
    progress?.stop();
    // Somebody else was quicker: perhaps ourselves, before a crash.
    if (!(error instanceof Refused)) throw error;
    const taken = error.code === "packages/name-taken" ? String(error.problem["id"]) : undefined;
    if (taken && id === undefined) {
      return (await findEarlier(desk, order, taken)) ?? upload(desk, order, taken);
    }
    const earlier = error.code === "packages/version-taken" && id;
    if (earlier) return (await findEarlier(desk, order, earlier)) ?? Promise.reject(error);
    throw error;
  }
}

/** False for what was accepted once, and removed since: the platform still remembers its answer. */
async function isThere({ connection }: Desk, { packageId, runId }: Pushed): Promise<boolean> {
  try {
    await connection.ask("GET", packagePath(packageId, "runs", runId));
    return true;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return false;
    throw error;
  }
}

/** The same for the same push, another for any other. */
function keyOf(path: string, fields: Record<string, string | undefined>): string {
  const content = JSON.stringify([path, ...Object.entries(fields)]);
  return `push-${createHash("sha256").update(content).digest("hex")}`;
}
