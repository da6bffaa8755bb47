import { expect, test } from "vitest";
import { openDownloadCounter, PackageDownload } from "../../models/packages/index.ts";
import { newId } from "../../platform/crypto.ts";
import { describeDatabases, openPlace } from "../support/database.ts";
import { migrate } from "../../models/schema.ts";

const COUNTERS = 4;
const EACH = 50;

describeDatabases(({ place }) => {
  test("downloads that end at once in several processes are all counted, each once", async () => {
    const where = await place();
    await migrate(await openPlace(where));
    const counters = [];
    for (let at = 0; at < COUNTERS; at++)
      counters.push(openDownloadCounter(await openPlace(where)));
    const [packageId, channel] = [newId(), "stable"];

    await Promise.all(
      counters.flatMap((counter, at) =>
        Array.from({ length: EACH }, (_, turn) =>
          counter.count({ packageId, version: `${(at + turn) % 3}`, channel, bytes: 3 }),
        ),
      ),
    );

    const rows = await PackageDownload.findAll({ where: { packageId } });
    expect(rows.map(({ version }) => version).sort()).toEqual(["0", "1", "2"]);
    expect(rows.reduce((sum, { downloads }) => sum + downloads, 0)).toBe(COUNTERS * EACH);
    expect(rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(3 * COUNTERS * EACH);
  });

  test("a count that is taken back leaves none, whether it shares a transaction or not", async () => {
    const database = await openPlace(await place());
    await migrate(database);
    const { count } = openDownloadCounter(database);
    const download = { packageId: newId(), version: "1", channel: "stable", bytes: 3 };

    await count(download);
    await Promise.all([count(download), count(download, -1), count(download, -1)]);

    const rows = await PackageDownload.findAll();
    expect(rows.map(({ downloads, bytes }) => [downloads, bytes])).toEqual([[0, 0]]);
  });

  test("a count that fails says so to all who wait for it, and to nobody after them", async () => {
    const database = await openPlace(await place());
    const { count } = openDownloadCounter(database);
    const download = { packageId: newId(), version: "1", channel: "stable", bytes: 3 };

    const failed = await Promise.allSettled([count(download), count(download)]);
    await migrate(database);
    await count(download);

    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await PackageDownload.findAll()).toMatchObject([{ downloads: 1 }]);
  });
});
