import { z } from "zod";
import type { AuditEntry } from "../../models/operations.ts";
import { PageQuery } from "./accounts.ts";

export const AuditQuery = PageQuery.extend({
  action: z.string().max(64).optional(),
  /** The id of what it was done to. */
  subject: z.string().max(64).optional(),
  /** The id of the account that did it. */
  actor: z.string().max(36).optional(),
});

export const AuditEntryOut = z.strictObject({
  id: z.uuid(),
  created_at: z.iso.datetime({ offset: true }),
  /** Null id: the platform itself. */
  actor: z.strictObject({ id: z.string().nullable(), name: z.string() }),
  action: z.string(),
  subject: z.strictObject({ kind: z.string(), id: z.string() }),
  address: z.string().nullable(),
  request_id: z.string().nullable(),
  before: z.unknown(),
  after: z.unknown(),
});

export const AuditOut = z.strictObject({
  items: z.array(AuditEntryOut),
  next: z.string().nullable(),
});

export function presentAuditEntry(entry: AuditEntry): z.input<typeof AuditEntryOut> {
  return {
    id: entry.id,
    created_at: entry.createdAt.toISOString(),
    actor: { id: entry.actorId, name: entry.actorName },
    action: entry.action,
    subject: { kind: entry.subjectKind, id: entry.subjectId },
    address: entry.address,
    request_id: entry.requestId,
    before: entry.before,
    after: entry.after,
  };
}
