import type { Desk } from "../desk.ts";
import { Refused } from "../endings.ts";

/** What of a package this command looks at; the rest is handed on as it came. */
export interface PackageOut {
  id: string;
  name: string;
  type: string;
  status: string;
  live_version: string | null;
  download_url: string | null;
  channels: { name: string; live_version: string | null; download_url: string | null }[];
  latest_run: RunOut | null;
  updated_at: string;
}

export interface VersionOut {
  version: string;
  original_sha256: string;
}

export interface RunOut {
  id: string;
  kind: string;
  version: string;
  channel: string;
  status: string;
  reason: string | null;
}

/** What a rollback would do. */
export interface ForecastOut {
  channel: string;
  from: { version: string } | null;
  to: { version: string };
  passes: boolean;
  refusal: { code: string; message: string } | null;
}

/** Where packages are listed. */
export const ROOT = "/api/v1/packages";

export function packagePath(id: string, ...parts: string[]): string {
  return [ROOT, ...[id, ...parts].map((part) => encodeURIComponent(part))].join("/");
}

/** The package with this name. */
export async function findByName(
  { connection }: Pick<Desk, "connection">,
  name: string,
): Promise<PackageOut | undefined> {
  // A star at the end means what begins so; of that, the name itself comes first.
  const asked = encodeURIComponent(name.endsWith("*") ? `${name}*` : name);
  const { items } = await connection.ask<{ items: PackageOut[] }>(
    "GET",
    `${ROOT}?name=${asked}&limit=1`,
  );
  return items.find((item) => item.name === name);
}

/** The package that is meant by an id or a name. Throws `Refused` when there is none. */
export async function findPackage(desk: Desk, which: string): Promise<PackageOut> {
  if (/^\d+$/.test(which)) return desk.connection.ask("GET", packagePath(which));
  const found = await findByName(desk, which);
  if (found) return found;
  throw new Refused(404, {
    code: "packages/not-found",
    detail: desk.screen.words.noPackage(which),
  });
}
