import { z } from "zod";
import { PRODUCT_SLUG, START_BASES, SUSPENDED_CLOCKS } from "../../../domain/cards.ts";
import { LIMITS } from "../../../domain/limits.ts";
import type {
  CardPolicy,
  CardProduct,
  CardSeller,
  PolicyTerms,
} from "../../../models/cards/index.ts";

const Moment = z.iso.datetime({ offset: true });
const Slug = z.string().regex(PRODUCT_SLUG, "must be lower-case letters, digits and hyphens");
const Name = z.string().trim().min(1).max(100);
const Entitlements = z
  .array(z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,49}$/, "must be a word in lower case"))
  .max(LIMITS.cardEntitlements)
  .refine((words) => new Set(words).size === words.length, "must name each word once");

export const ProductSlug = z.strictObject({ slug: Slug });
export const SellerOfProduct = ProductSlug.extend({ account: z.uuid() });
export const NewProduct = z.strictObject({
  slug: Slug,
  name: Name,
  entitlements: Entitlements.default([]),
});
export const ProductChange = z.strictObject({
  name: Name.optional(),
  entitlements: Entitlements.optional(),
});

export const ProductOut = z.strictObject({
  id: z.uuid(),
  slug: z.string(),
  name: z.string(),
  /** What whoever has one of its cards may do. */
  entitlements: z.array(z.string()),
  created_at: Moment,
});
export const ProductsOut = z.strictObject({ items: z.array(ProductOut) });
export const SellersOut = z.strictObject({
  items: z.array(z.strictObject({ account: z.uuid(), since: Moment })),
});

export function presentProduct(row: CardProduct): z.input<typeof ProductOut> {
  const { id, slug, name, entitlements, createdAt } = row;
  return { id, slug, name, entitlements, created_at: createdAt.toISOString() };
}

export function presentSellers(rows: CardSeller[]): z.input<typeof SellersOut> {
  return {
    items: rows.map(({ accountId, createdAt }) => ({
      account: accountId,
      since: createdAt.toISOString(),
    })),
  };
}

const Seconds = z.int().min(1).max(LIMITS.cardTermSeconds);
const POLICY = {
  name: Name,
  /** The slug of the only product whose cards may have it; null for any. */
  product: Slug.nullable(),
  /** How long a card lasts; null: for ever. */
  term_seconds: Seconds.min(LIMITS.shortestCardTermSeconds).nullable(),
  starts: z.enum(START_BASES),
  /** The date from which the term counts, where `starts` is `date`. */
  starts_at: Moment.transform((text) => new Date(text)).nullable(),
  max_machines: z.int().min(1).max(LIMITS.cardMachines),
  /** How many parts of a machine code (`a|b|c`) must be as they were; null: all of it. */
  machine_parts_required: z.int().min(1).max(LIMITS.machineParts).nullable(),
  /** How often a card is good; null: as often as one likes. */
  uses: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .nullable(),
  suspended_clock: z.enum(SUSPENDED_CLOCKS),
  /** How long before its end a card is told of; null: not at all. */
  notice_seconds: Seconds.nullable(),
  entitlements: Entitlements,
};

type Given = Partial<{
  [K in "starts" | "starts_at" | "term_seconds" | "notice_seconds"]: unknown;
}>;
const fits = ({ starts, starts_at, term_seconds, notice_seconds }: Given) =>
  (starts === undefined || (starts === "date") === Boolean(starts_at)) &&
  !(term_seconds === null && notice_seconds);
const FITS = {
  message: "starts_at goes with starts: date, and a notice with a term",
  path: ["starts"],
};

export const NewPolicy = z
  .strictObject({
    ...POLICY,
    product: POLICY.product.default(null),
    starts: POLICY.starts.default("activation"),
    starts_at: POLICY.starts_at.default(null),
    max_machines: POLICY.max_machines.default(1),
    machine_parts_required: POLICY.machine_parts_required.default(null),
    uses: POLICY.uses.default(null),
    suspended_clock: POLICY.suspended_clock.default("runs"),
    notice_seconds: POLICY.notice_seconds.default(null),
    entitlements: POLICY.entitlements.default([]),
  })
  .refine(fits, FITS);
/** The product stays, for cards have both. */
const { product: _, ...CHANGEABLE } = POLICY;
export const PolicyChange = z.strictObject(CHANGEABLE).partial().refine(fits, FITS);
export const PolicyId = z.strictObject({ id: z.uuid() });

export const PolicyOut = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  product: z.string().nullable(),
  term_seconds: z.int().nullable(),
  starts: z.enum(START_BASES),
  starts_at: Moment.nullable(),
  max_machines: z.int(),
  machine_parts_required: z.int().nullable(),
  uses: z.int().nullable(),
  suspended_clock: z.enum(SUSPENDED_CLOCKS),
  notice_seconds: z.int().nullable(),
  entitlements: z.array(z.string()),
  created_at: Moment,
});
export const PoliciesOut = z.strictObject({ items: z.array(PolicyOut) });

/** What a policy says, as the rows have it: only what was given. */
export function readPolicy(
  given: Omit<z.output<typeof PolicyChange>, "product">,
): Partial<PolicyTerms> {
  const read = {
    name: given.name,
    termSeconds: given.term_seconds,
    startBasis: given.starts,
    startsAt: given.starts_at,
    maxMachines: given.max_machines,
    machinePartsRequired: given.machine_parts_required,
    uses: given.uses,
    suspendedClock: given.suspended_clock,
    noticeSeconds: given.notice_seconds,
    entitlements: given.entitlements,
  };
  const said = Object.entries(read).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said);
}

export function presentPolicy(
  row: CardPolicy,
  products: ReadonlyMap<string, string>,
): z.input<typeof PolicyOut> {
  return {
    id: row.id,
    name: row.name,
    product: (row.productId && products.get(row.productId)) ?? null,
    term_seconds: row.termSeconds,
    starts: row.startBasis,
    starts_at: row.startsAt?.toISOString() ?? null,
    max_machines: row.maxMachines,
    machine_parts_required: row.machinePartsRequired,
    uses: row.uses,
    suspended_clock: row.suspendedClock,
    notice_seconds: row.noticeSeconds,
    entitlements: row.entitlements,
    created_at: row.createdAt.toISOString(),
  };
}
