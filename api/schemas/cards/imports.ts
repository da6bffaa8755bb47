import { z } from "zod";
import { IMPORT_STATES } from "../../../domain/cards.ts";
import { CODE_PREFIX } from "../../../domain/cards/codes.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type { CardImport, Names } from "../../../models/cards/index.ts";
import { PageQuery } from "../accounts.ts";

const Moment = z.iso.datetime({ offset: true });

export const NewImport = z.strictObject({
  prefix: z
    .string()
    .regex(CODE_PREFIX, "must be 1 to 16 letters, digits or underscores")
    .optional()
    .describe("Of lines that say none and whose code has none before a hyphen"),
  policy: z.string().max(100).optional().describe("The name or the id of a policy"),
  product: z.string().max(50).optional().describe("The slug of a product"),
  note: z.string().max(LIMITS.cardNoteCharacters).optional().describe("Of lines without a note"),
  dry_run: z
    .stringbool()
    .default(false)
    .describe("True to hear what would be, and take nothing in"),
});

export const ImportId = z.strictObject({ id: z.uuid() });
export const ImportsQuery = PageQuery;

export const ImportOut = z.strictObject({
  id: z.uuid(),
  status: z.enum(IMPORT_STATES),
  dry_run: z.boolean(),
  lines: z.int().describe("The lines that say something"),
  imported: z.int().describe("So many of them are cards now, or would be"),
  duplicates: z.int(),
  faulty: z.int(),
  prefix: z.string().nullable(),
  policy: z.string().nullable(),
  product: z.string().nullable(),
  note: z.string().nullable(),
  error: z.string().nullable().describe("Why it failed"),
  ordered_by: z.string(),
  created_at: Moment,
  completed_at: Moment.nullable(),
  report_until: Moment.nullable().describe(
    "Until then its report can be read; null while it goes on",
  ),
});
export const ImportsOut = z.strictObject({
  items: z.array(ImportOut),
  next: z.string().nullable(),
});

/** An import; for so many seconds from its end on the lines are named that are no cards. */
export function presentImport(
  row: CardImport,
  names: Names,
  resultsSeconds: number,
): z.input<typeof ImportOut> {
  const { completedAt } = row;
  const until = completedAt && new Date(completedAt.getTime() + resultsSeconds * 1000);
  return {
    id: row.id,
    status: row.state,
    dry_run: row.dryRun,
    lines: row.lines,
    imported: row.imported,
    duplicates: row.duplicates,
    faulty: row.faulty,
    prefix: row.prefix,
    policy: (row.policyId && names.policies.get(row.policyId)) ?? null,
    product: (row.productId && names.products.get(row.productId)) ?? null,
    note: row.note,
    error: row.error,
    ordered_by: row.actorName,
    created_at: row.createdAt.toISOString(),
    completed_at: completedAt?.toISOString() ?? null,
    report_until: until?.toISOString() ?? null,
  };
}
