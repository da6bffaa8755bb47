import type { z } from "zod";
import { AuditEntry } from "../models/operations.ts";
import { between, type List, page } from "../models/paging.ts";
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
  const equal = {
    ...subject,
    ...(action !== undefined && { action }),
    ...(actor !== undefined && { actorId: actor }),
  };
  const list: List = {
    where: { ...equal, ...between("createdAt", from, to) },
    question: { ...equal, from, to },
    index: indexFor(equal),
  };
  if (format) {
    const batches = presentedBatches(list, after);
    return exportList(format, { name, batches, columns: AUDIT_COLUMNS });
  }
  const { items, next } = await page(AuditEntry, { ...list, limit, after });
  return { items: items.map(presentAuditEntry), next };
}

/** Of several filters the one that leaves least leads, and the others are looked at in what it finds. */
function indexFor(equal: object): string {
  const leading = Object.entries(LEADING).find(([filter]) => filter in equal)?.[1] ?? [];
  return ["audit_entries", ...leading, "created_at", "id"].join("_");
}

const LEADING = {
  subjectId: ["subject_id"],
  actorId: ["actor_id"],
  action: ["action"],
  subjectKind: ["subject_kind"],
};

async function* presentedBatches(list: List, start: string | undefined) {
  let after = start;
  do {
    const batch = await page(AuditEntry, { ...list, after, limit: BATCH_ENTRIES });
    yield batch.items.map(presentAuditEntry);
    after = batch.next ?? undefined;
  } while (after);
}
