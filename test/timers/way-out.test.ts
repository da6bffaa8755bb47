import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { QUEUES } from "../../domain/queues.ts";
import { cancelDownload, download } from "../../workflows/downloads/index.ts";
import {
  fakeDownload,
  fakeFunds,
  fakeWayOut,
  type Try,
} from "../support/fakes/download-activities.ts";
import { withTimeSkipping } from "../support/temporal.ts";
import { until as eventually } from "../support/until.ts";

const WAY = { gates: ["host:films.example"], platform: "generic" };
const NONE = { way: "none", fault: "network_timeout", reason: "It was silent." } as const;
const BUSY = { way: "none", fault: null, reason: "All are in use.", retryAfterMs: 60_000 } as const;

/** A download whose gates and proxies answer so in turn. */
function openScene(
  tries: Try[],
  given: Parameters<typeof fakeWayOut>[1],
  charge: { isCharged?: boolean } = {},
  isPoor = false,
) {
  const { activities, happened } = fakeDownload(tries, { way: WAY, ttlSeconds: null, ...charge });
  const beside = { ...fakeWayOut(happened, given), ...fakeFunds(happened, isPoor) };
  const run = (meanwhile?: (cancel: () => Promise<void>) => Promise<void>) =>
    withTimeSkipping({ ...activities, ...beside }, async ({ client }) => {
      const handle = await client.workflow.start(download, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ downloadId: "download" }],
      });
      await meanwhile?.(() => handle.executeUpdate(cancelDownload, { args: [{}] }));
      await handle.result();
    });
  return { happened, run };
}

test("whoever waits for a gate and for a proxy is shown to wait, and gives both back", async () => {
  const full = { isIn: false, gate: WAY.gates[0]!, why: "full", until: 0 } as const;
  const { happened, run } = openScene(["media"], { gates: [full], routes: [BUSY] });

  await run();

  expect(happened).toEqual([
    expect.stringMatching(/^waits for gate/),
    "again",
    "waits for proxy, 60",
    "again",
    "fetch 1",
    "proxy well",
    "left, well",
    "kept",
    "tidied",
  ]);
});

test("a try without a proxy is over, and the next one takes another; a source that sends us away shuts its gate", async () => {
  const { happened, run } = openScene(["blocked", "media"], { routes: [NONE] });

  await run();

  expect(happened.filter((one) => one !== "again")).toEqual([
    "try 1: downloads/proxy-away",
    "left, silent",
    "proxy, again in 15",
    "fetch 2",
    "proxy bot_detected",
    "left, away",
    "blocked, again in 60",
    "fetch 3",
    "proxy well",
    "left, well",
    "kept",
    "tidied",
  ]);
});

test("what costs something takes one proxy a try: it is read, paid for and fetched on the same way", async () => {
  const given = { routes: [NONE] };
  const { happened, run } = openScene(["blocked", "media"], given, { isCharged: true });
  const poor = openScene([], {}, { isCharged: true }, true);

  await run();
  await poor.run();

  expect(happened.filter((one) => one !== "again")).toEqual([
    "try 1: downloads/proxy-away",
    "left, silent",
    "proxy, again in 15",
    "read 2",
    "hold 9",
    "fetch 2",
    "proxy bot_detected",
    "left, away",
    "blocked, again in 60",
    "fetch 3",
    "proxy well",
    "left, well",
    "capture 7",
    "kept",
    "tidied",
  ]);
  expect(poor.happened.slice(0, 4)).toEqual(["read 1", "hold 9", "proxy dropped", "left, silent"]);
});

test("what is cancelled while a proxy is asked for gives back what came of it", async () => {
  const { happened, run } = openScene([], {
    leasing: async () => {
      happened.push("leasing");
      await eventually(() => isCancelled);
    },
  });
  let isCancelled = false;

  await run(async (cancel) => {
    await eventually(() => happened.includes("leasing"));
    await cancel();
    isCancelled = true;
  });

  expect(happened).toEqual([
    "leasing",
    "proxy dropped",
    "left, silent",
    "failed: downloads/cancelled",
    "tidied",
  ]);
});

test("whoever goes straight has nothing to give back, and what is cancelled leaves nothing behind", async () => {
  const straight = openScene(["media"], { routes: [{ way: "direct" }] });
  const until = Date.now() + 86_400_000;
  const closed = { isIn: false, gate: WAY.gates[0]!, why: "closed", until } as const;
  const cancelled = openScene([], { gates: [closed] });

  await straight.run();
  await cancelled.run(async (cancel) => {
    await eventually(() => cancelled.happened.length > 0);
    await cancel();
  });

  expect(straight.happened.slice(0, 2)).toEqual(["fetch 1", "left, well"]);
  expect(cancelled.happened.slice(1)).toEqual([
    "left, silent",
    "failed: downloads/cancelled",
    "tidied",
  ]);
});
