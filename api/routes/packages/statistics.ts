import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { dayOf, type PackageDownload, readDownloads } from "../../../models/packages/index.ts";
import { findPackage } from "../../policies/packages.ts";
import { route } from "../../route.ts";
import { StatisticsOut, StatisticsQuery } from "../../schemas/packages/statistics.ts";
import { PackageId } from "../../schemas/packages.ts";

const DAY_MS = 86_400_000;
/** How many days are shown when nobody says which. */
const USUAL_DAYS = 30;

export const readStatistics = route({
  method: "get",
  path: "/api/v1/packages/:id/statistics",
  summary: "Count whole downloads per version, channel and day (UTC), both days included",
  access: "packages:read",
  perPackage: true,
  params: PackageId,
  query: StatisticsQuery,
  returns: [200, StatisticsOut],
  async handle(call) {
    const owner = await findPackage(call);
    const span = spanOf(call.query);
    const rows = await readDownloads(owner.id, span);
    const [total = { downloads: 0, bytes: 0 }] = sumsBy(rows, () => "all").values();
    return {
      ...span,
      ...total,
      days: [...sumsBy(rows, ({ day }) => day)].map(([day, sums]) => ({ day, ...sums })),
      versions: [...sumsBy(rows, ({ version }) => version)].map(([version, sums]) => ({
        version,
        ...sums,
      })),
      channels: [...sumsBy(rows, ({ channel }) => channel)].map(([channel, sums]) => ({
        channel,
        ...sums,
      })),
      items: rows.map(({ day, version, channel, downloads, bytes }) => ({
        day,
        version,
        channel,
        downloads,
        bytes,
      })),
    };
  },
});

/** The days that are asked for: without `to` until today, without `from` the last thirty until then. */
function spanOf(asked: { from?: string | undefined; to?: string | undefined }) {
  const to = asked.to ?? dayOf(new Date());
  const from = asked.from ?? dayOf(new Date(Date.parse(to) - (USUAL_DAYS - 1) * DAY_MS));
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days < 1 || days > LIMITS.statisticsDays) {
    const message = `must be at most ${LIMITS.statisticsDays} days before \`to\`, and not after it`;
    throw refusal("request/invalid", "These days cannot be shown.", {
      issues: [{ path: "from", in: "query", message }],
    });
  }
  return { from, to };
}

function sumsBy(rows: PackageDownload[], nameOf: (row: PackageDownload) => string) {
  const sums = new Map<string, { downloads: number; bytes: number }>();
  for (const row of rows) {
    const name = nameOf(row);
    const { downloads, bytes } = sums.get(name) ?? { downloads: 0, bytes: 0 };
    sums.set(name, { downloads: downloads + row.downloads, bytes: bytes + row.bytes });
  }
  return sums;
}
