import { z } from "zod";
import { LIMITS } from "../../../domain/limits.ts";
import {
  LIST_SORTS,
  PACKAGE_SORTS,
  PACKAGE_STATUSES,
  PACKAGE_TYPES,
  RUN_KINDS,
  RUN_STATES,
  VERDICT_STATES,
  VERSION_STATES,
} from "../../../domain/packages.ts";
import { Channel, Version } from "../packages.ts";
import { wholeNumber } from "../../validation.ts";

const Moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const ListQuery = z.strictObject({
  after: z.string().max(1000).optional(),
  limit: wholeNumber(1, LIMITS.listItems).prefault(20),
  sort: z.enum(LIST_SORTS).default("newest"),
  /** The first moment, and the one that is too late. */
  from: Moment.optional(),
  to: Moment.optional(),
});

/** A whole name, or with `*` behind it the beginning of names. */
const Name = z
  .string()
  .min(1)
  .max(LIMITS.packageNameBytes + 1)
  .transform((text) => (text.endsWith("*") ? { prefix: text.slice(0, -1) } : { exact: text }));

/** `from` and `to` bound the moment that the list is sorted by. */
export const PackagesQuery = ListQuery.extend({
  sort: z.enum(PACKAGE_SORTS).optional(),
  name: Name.optional(),
  status: z.enum(PACKAGE_STATUSES).optional(),
  type: z.enum(PACKAGE_TYPES).optional(),
  channel: Channel.optional(),
})
  .superRefine(({ sort, name, from, to }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    const isPrefix = name !== undefined && "prefix" in name;
    if (isPrefix && sort !== undefined && sort !== "name") {
      refuse("sort", "must be name, or left out, with the beginning of a name");
    }
    if ((from ?? to) && (isPrefix || sort === "name")) {
      refuse(
        from ? "from" : "to",
        "needs a list that is sorted by a moment: newest, oldest, updated",
      );
    }
  })
  .transform(({ sort, ...query }) => ({
    ...query,
    sort: sort ?? (query.name && "prefix" in query.name ? "name" : "newest"),
  }));

export const VersionsQuery = ListQuery.extend({
  status: z.enum(VERSION_STATES).optional(),
  verdict: z.enum(VERDICT_STATES).optional(),
  channel: Channel.optional(),
  draft: z.stringbool().optional(),
  yanked: z.stringbool().optional(),
});

export const RunsQuery = ListQuery.extend({
  status: z.enum(RUN_STATES).optional(),
  kind: z.enum(RUN_KINDS).optional(),
  channel: Channel.optional(),
  version: Version.optional(),
});
