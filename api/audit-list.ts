import { Op, type WhereOptions } from "sequelize";
import type { z } from "zod";
import { AuditEntry } from "../models/operations.ts";
import { page } from "../models/paging.ts";
import type { Export } from "./route.ts";
import {
  AUDIT_COLUMNS,
  type AuditOut,
  type PackageAuditQuery,
  presentAuditEntry,
} from "./schemas/operations.ts";
import { exportList } from "./table-export.ts";

const BATCH_ENTRIES = 500;

/** The audit entries that match, newest first: a page, or all from there on as a file when `format` asks for one. */
export async function listAuditEntries(
  { action, actor, from, to, after, limit, format }: z.output<typeof PackageAuditQuery>,
  { name, ...subject }: { name: string } & Partial<Pick<AuditEntry, "subjectId" | "subjectKind">>,
): Promise<z.input<typeof AuditOut> | Export> {
  const where: WhereOptions = {
    ...subject,
    ...(action !== undefined && { action }),
    ...(actor !== undefined && { actorId: actor }),
    ...((from ?? to) && {
      createdAt: { ...(from && { [Op.gte]: from }), ...(to && { [Op.lt]: to }) },
    }),
  };
  if (format) {
    const batches = presentedBatches(where, after);
    return exportList(format, { name, batches, columns: AUDIT_COLUMNS });
  }
  const { items, next } = await page(AuditEntry, { where, limit, after });
  return { items: items.map(presentAuditEntry), next };
}

async function* presentedBatches(where: WhereOptions, start: string | undefined) {
  let after = start;
  do {
    const batch = await page(AuditEntry, { where, after, limit: BATCH_ENTRIES });
    yield batch.items.map(presentAuditEntry);
    after = batch.next ?? undefined;
  } while (after);
}
