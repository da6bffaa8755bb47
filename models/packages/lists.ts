import { literal, Op } from "sequelize";
import type {
  ListSort,
  PackageSort,
  PackageStatus,
  PackageType,
  RunKind,
  RunState,
  Verdict,
  VersionState,
} from "../../domain/packages.ts";
import {
  between,
  NEWEST_FIRST,
  OLDEST_FIRST,
  type Order,
  type Page,
  page,
  type Place,
} from "../paging.ts";
import { Package, PackageRun, PackageVersion } from "./tables.ts";

type Asked<T> = { [K in keyof T]?: T[K] | undefined };

/** Which packages are asked for. `from` and `to` bound the moment that they are sorted by. */
export type PackageFilters = { sort: PackageSort } & Asked<{
  name: { exact: string } | { prefix: string };
  status: PackageStatus;
  type: PackageType;
  /** No others than these, a few. */
  ids: string[];
  /** Something was sent to this channel. */
  channel: string;
  from: Date;
  to: Date;
}>;

const PACKAGE_ORDERS: Record<PackageSort, Order> = {
  newest: NEWEST_FIRST,
  oldest: OLDEST_FIRST,
  updated: [
    ["updatedAt", "DESC"],
    ["id", "DESC"],
  ],
  name: [["name", "ASC"]],
};
const INDEXED = {
  newest: ["created_at", "id"],
  oldest: ["created_at", "id"],
  updated: ["updated_at", "id"],
  name: ["name"],
} as const;

/** A page of the packages that match and are not being removed. */
export function pageOfPackages(
  { ids, ...filters }: PackageFilters,
  place: Place,
): Promise<Page<Package>> {
  const { name, status, type, channel, from, to, sort } = filters;
  const order = PACKAGE_ORDERS[sort];
  const where = {
    deletedAt: null,
    ...(ids && { id: ids }),
    ...(status && { status }),
    ...(type && { type }),
    ...(name && { name: "exact" in name ? name.exact : beginsWith(name.prefix) }),
    ...between(order[0]![0], from, to),
    ...(channel && { [Op.and]: hasChannel(channel) }),
  };
  // Of several filters one leads to rows in order, and the others are looked at in what it finds.
  const equal = status ? ["status"] : type ? ["type"] : [];
  const index = ["packages", "deleted_at", ...equal, ...INDEXED[sort]].join("_");
  const isFew = ids !== undefined || (name && "exact" in name);
  return page(Package, {
    ...place,
    where,
    order,
    question: filters,
    index: isFew ? undefined : index,
  });
}

/** Not LIKE: SQLite uses no index for it, because it takes letter cases for the same. */
function beginsWith(prefix: string) {
  return { [Op.gte]: prefix, [Op.lt]: `${prefix}\u{10ffff}` };
}

/** Not EXISTS, of which MariaDB makes a join, and sorts what comes out of it. */
function hasChannel(channel: string) {
  const name = Package.sequelize!.escape(channel);
  return literal(
    `(SELECT COUNT(*) FROM package_channels c WHERE c.package_id = Package.id AND c.name = ${name}) > 0`,
  );
}

/** Which versions of a package are asked for. */
export type VersionFilters = { sort: ListSort } & Asked<{
  state: VersionState;
  verdict: Verdict;
  channel: string;
  isDraft: boolean;
  isYanked: boolean;
  from: Date;
  to: Date;
}>;

/** A page of the versions of a package that match. */
export function pageOfVersions(
  packageId: string,
  filters: VersionFilters,
  place: Place,
): Promise<Page<PackageVersion>> {
  const { sort, isYanked, from, to, ...exact } = filters;
  return page(PackageVersion, {
    ...place,
    where: {
      packageId,
      ...given(exact),
      ...(isYanked !== undefined && { yankedAt: isYanked ? { [Op.ne]: null } : null }),
      ...between("createdAt", from, to),
    },
    order: sort === "oldest" ? OLDEST_FIRST : NEWEST_FIRST,
    question: { packageId, ...filters },
    index: "package_versions_package_id_created_at_id",
  });
}

/** Which runs of a package are asked for. */
export type RunFilters = { sort: ListSort } & Asked<{
  state: RunState;
  kind: RunKind;
  channel: string;
  versionId: string;
  from: Date;
  to: Date;
}>;

/** A page of the runs of a package that match. */
export function pageOfRuns(
  packageId: string,
  filters: RunFilters,
  place: Place,
): Promise<Page<PackageRun>> {
  const { sort, from, to, ...exact } = filters;
  const equal = exact.versionId ? ["version_id"] : exact.state ? ["state"] : [];
  return page(PackageRun, {
    ...place,
    where: { packageId, ...given(exact), ...between("createdAt", from, to) },
    order: sort === "oldest" ? OLDEST_FIRST : NEWEST_FIRST,
    question: { packageId, ...filters },
    index: ["package_runs", "package_id", ...equal, "created_at", "id"].join("_"),
  });
}

function given(filters: object): object {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
}
