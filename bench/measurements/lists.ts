import { seedCatalogue } from "../../test/support/catalogue.ts";
import { openBeside } from "../../test/support/leftovers.ts";
import type { Finding, Measurement, Size } from "../measurement.ts";
import { type Product, startProduct, untilQuiet } from "../product.ts";
import { rounded, type Spread, spreadOf } from "../rounds.ts";

const LIMIT = 20;
/** So many pages on, a list is deep. */
const DEEP = 40;

/** Every list, with each of its filters. */
export const lists: Measurement = {
  name: "lists",
  title: "Lists",
  method:
    "1,000 packages with 10,000 versions, runs and audit entries, on SQLite; every list and filter over HTTP, twenty items a page: the first page, and the page that comes forty pages later (or the last one). Both take turns.",
  run,
};

async function run(size: Size): Promise<Finding> {
  const product = await startProduct();
  try {
    const database = await openBeside(product.platform);
    const packages = size.quick ? 200 : 1000;
    const { serials } = await seedCatalogue(database, { packages, versionsEach: 10 });
    await database.close();
    await untilQuiet(product);
    const found: { list: string; first: Spread; deep: Spread; pages: number }[] = [];
    for (const list of listsOf(serials)) found.push({ list, ...(await time(product, list, size)) });
    const ratios = found
      .filter(({ pages }) => pages > 1)
      .map(({ first, deep }) => deep.median / first.median);
    return {
      goals: [
        { claim: "the slowest deep page, in its first page", value: Math.max(...ratios), most: 2 },
      ],
      table: {
        columns: ["list", "first page, ms", "deep page, ms", "ratio", "pages"],
        rows: found.map(({ list, first, deep, pages }) => [
          `\`${list.replaceAll("|", "\\|")}\``,
          rounded(first.median),
          rounded(deep.median),
          rounded(deep.median / first.median),
          pages,
        ]),
      },
      plots: [
        {
          title: "First pages",
          unit: "milliseconds",
          bars: found.map(({ list, first: { median: value, least, most } }) => ({
            label: list.replace("/api/v1", ""),
            value,
            least,
            most,
          })),
        },
      ],
    };
  } finally {
    await product.platform.remove();
  }
}

function listsOf(serials: string[]): string[] {
  const one = `/api/v1/packages/${serials[serials.length >> 1]}`;
  return [
    "/api/v1/packages",
    ...["oldest", "updated", "name"].map((sort) => `/api/v1/packages?sort=${sort}`),
    "/api/v1/packages?name=Package*",
    "/api/v1/packages?name=Package%20500100",
    "/api/v1/packages?status=processed_success",
    "/api/v1/packages?type=apk",
    "/api/v1/packages?channel=beta",
    "/api/v1/packages?from=2026-01-01T06:00:00Z",
    `${one}/versions`,
    `${one}/versions?status=ready`,
    `${one}/versions?channel=beta`,
    `${one}/runs`,
    `${one}/runs?status=succeeded`,
    `${one}/audit`,
    "/api/v1/audit",
  ];
}

async function time({ client }: Product, list: string, { rounds, rule }: Size) {
  const mark = list.includes("?") ? "&" : "?";
  const first = `${list}${mark}limit=${LIMIT}`;
  const read = async (path: string) => {
    const began = performance.now();
    const headers = { authorization: `Bearer ${client.secrets[1]}`, "x-api-key": "" };
    const { status, body } = await client.call("GET", path, { headers });
    if (status !== 200) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
    return { tookMs: performance.now() - began, next: body.next as string | null };
  };
  let deep = first;
  let pages = 1;
  for (let next = (await read(first)).next; next && pages < DEEP; pages++) {
    deep = `${first}&after=${encodeURIComponent(next)}`;
    ({ next } = await read(deep));
  }
  const [firsts, deeps]: [number[], number[]] = [[], []];
  rule();
  for (let round = 0; round < rounds * 4; round++) {
    firsts.push((await read(first)).tookMs);
    deeps.push((await read(deep)).tookMs);
  }
  return { first: spreadOf(firsts), deep: spreadOf(deeps), pages };
}
