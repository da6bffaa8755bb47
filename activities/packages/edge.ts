import { createHash } from "node:crypto";
import { LIMITS } from "../../domain/limits.ts";
import type { Edge } from "../../platform/edge/index.ts";
import type { ByteRange, ObjectStore } from "../../platform/objects/index.ts";
import { StepFailure } from "./attempt.ts";
import type { Artefact } from "./contract.ts";

/**
 * Proves that clients get `artefact` at `url`: entity tag and length by HEAD, then the first and last MiB
 * compared with the store. Throws `StepFailure` until they do.
 */
export async function checkEdge(
  { objects, edge }: { objects: ObjectStore; edge: Edge },
  url: string,
  artefact: Artefact,
  signal: AbortSignal,
): Promise<void> {
  const ask = (method: string, headers: Record<string, string>) =>
    edge.ask(url, { method, headers: { "accept-encoding": "identity", ...headers }, signal });
  const head = await ask("HEAD", {});
  if (!head.ok) throw new StepFailure("broken", `The link answers ${head.status}.`);
  if (head.headers.get("etag")?.replace(/^W\//, "") !== `"${artefact.sha256}"`) {
    throw new StepFailure("broken", "The link still shows other bytes.");
  }
  if (Number(head.headers.get("content-length")) !== artefact.bytes) {
    throw new StepFailure("broken", "The link shows another length.");
  }
  for (const range of probes(artefact.bytes)) {
    const part = await ask("GET", { range: `bytes=${range.start}-${range.end}` });
    if (part.status !== 206) {
      await part.body?.cancel();
      throw new StepFailure("broken", `A range of the link answers ${part.status}.`);
    }
    if ((await digest(part.body!)) !== (await storedDigest(objects, artefact.key, range))) {
      throw new StepFailure("broken", "The link shows other bytes than the store.");
    }
  }
}

function probes(bytes: number): ByteRange[] {
  const span = Math.min(LIMITS.publicationProbeBytes, bytes);
  const first = { start: 0, end: span - 1 };
  return span === bytes ? [first] : [first, { start: bytes - span, end: bytes - 1 }];
}

async function storedDigest(objects: ObjectStore, key: string, range: ByteRange): Promise<string> {
  const object = await objects.open(key);
  if (!object) throw new StepFailure("broken", "The version is not in the store.");
  try {
    return await digest(await object.read(range));
  } finally {
    await object.close();
  }
}

async function digest(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest("hex");
}
