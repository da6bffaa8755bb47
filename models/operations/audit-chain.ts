import { createHash } from "node:crypto";

/** An audit entry as it stands in its row: `before` and `after` are the JSON text that is kept there. */
export interface ChainedContent {
  sequence: number;
  id: string;
  createdAt: Date;
  actorId: string | null;
  actorName: string;
  action: string;
  subjectKind: string;
  subjectId: string;
  address: string | null;
  requestId: string | null;
  before: string | null;
  after: string | null;
}

/** What the first entry has in place of a hash before it. */
export const CHAIN_START = "0".repeat(64);

/**
 * The hash of an entry: sha256 over the hash before it and its own fields, each as `<bytes>:<UTF-8>` or `-` for null,
 * in this order. The format is for ever: hashes of entries long written must come out the same.
 */
export function chainHash(previousHash: string, content: ChainedContent): string {
  const { sequence, id, createdAt, actorId, actorName, action } = content;
  const { subjectKind, subjectId, address, requestId, before, after } = content;
  const fields = [
    previousHash,
    String(sequence),
    id,
    // Null for what is no date any more.
    new Date(createdAt).toJSON() as string | null,
    actorId,
    actorName,
    action,
    subjectKind,
    subjectId,
    address,
    requestId,
    before,
    after,
  ];
  const hash = createHash("sha256");
  for (const field of fields) {
    // Lengths keep a text from moving into its neighbour. As bytes, because half a surrogate pair is stored as U+FFFD.
    const bytes = field === null ? null : Buffer.from(field);
    hash.update(bytes ? `${bytes.length}:` : "-");
    if (bytes) hash.update(bytes);
  }
  return hash.digest("hex");
}
