import { expect, test } from "vitest";
import { makeZip } from "../../scripts/demo/sample-package.ts";
import { startPlatform } from "../support/platform.ts";
import { until } from "../support/until.ts";

const ROUNDS = 5;
const EACH = 20;

test("what clients have downloaded whole is counted, though the API is killed the moment they have it", async () => {
  const platform = await startPlatform();
  try {
    const client = await platform.open();
    const order = await client.upload(await makeZip(100_000), "counted");
    await client.succeeds(order);
    const url = client.link(order.id);

    for (let round = 1; round <= ROUNDS; round++) {
      await Promise.all(
        Array.from({ length: EACH }, () => fetch(url).then((it) => it.arrayBuffer())),
      );
      await platform.kill("api");
      await until(() => fetch(url, { method: "HEAD" }).then(isOk, () => false));
    }

    const { body } = await client.call("GET", `/api/v1/packages/${order.id}/statistics`);
    expect(body.downloads).toBe(ROUNDS * EACH);
  } finally {
    await platform.remove();
  }
});

const isOk = ({ ok }: Response) => ok;
