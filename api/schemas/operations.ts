import { z } from "zod";
import type { AuditEntry } from "../../models/operations.ts";
import { EXPORT_FORMATS } from "../table-export.ts";
import { PageQuery } from "./accounts.ts";

const Moment = z.iso.datetime({ offset: true });
const asDate = Moment.transform((text) => new Date(text));

export const PackageAuditQuery = PageQuery.extend({
  action: z.string().max(64).optional(),
  /** The id of the account that did it. */
  actor: z.string().max(36).optional(),
  /** The first moment, and the one that is too late. */
  from: asDate.optional(),
  to: asDate.optional(),
  /** Everything that matches, as a file. */
  format: z.enum(EXPORT_FORMATS).optional(),
});

export const AuditQuery = PackageAuditQuery.extend({
  /** The id of what it was done to. */
  subject: z.string().max(64).optional(),
  subject_kind: z.string().max(32).optional(),
});

export const AuditEntryOut = z.strictObject({
  id: z.uuid(),
  /** Its place in the chain. */
  sequence: z.number().int(),
  created_at: Moment,
  /** Null id: the platform itself. */
  actor: z.strictObject({ id: z.string().nullable(), name: z.string() }),
  action: z.string(),
  subject: z.strictObject({ kind: z.string(), id: z.string() }),
  address: z.string().nullable(),
  request_id: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
  /** Covers the entry and the hash of the one before it. */
  hash: z.string(),
});

export const AuditOut = z.strictObject({
  items: z.array(AuditEntryOut),
  next: z.string().nullable(),
});

export function presentAuditEntry(entry: AuditEntry): z.input<typeof AuditEntryOut> {
  return {
    id: entry.id,
    sequence: entry.sequence,
    created_at: entry.createdAt.toISOString(),
    actor: { id: entry.actorId, name: entry.actorName },
    action: entry.action,
    subject: { kind: entry.subjectKind, id: entry.subjectId },
    address: entry.address,
    request_id: entry.requestId,
    before: entry.before,
    after: entry.after,
    hash: entry.hash,
  };
}

type Shown = ReturnType<typeof presentAuditEntry>;
const textOf = (value: unknown) => (value === null ? null : JSON.stringify(value));

/** An entry as a row of a table. */
export const AUDIT_COLUMNS = {
  sequence: ({ sequence }) => sequence,
  created_at: ({ created_at }) => created_at,
  actor: ({ actor }) => actor.name,
  actor_id: ({ actor }) => actor.id,
  action: ({ action }) => action,
  subject_kind: ({ subject }) => subject.kind,
  subject_id: ({ subject }) => subject.id,
  address: ({ address }) => address,
  request_id: ({ request_id }) => request_id,
  before: ({ before }) => textOf(before),
  after: ({ after }) => textOf(after),
  id: ({ id }) => id,
  hash: ({ hash }) => hash,
} satisfies Record<string, (entry: Shown) => string | number | null>;
