import { randomUUID } from "node:crypto";
import type { Client, WorkflowHandle } from "@temporalio/client";
import { expect, test } from "vitest";
import type { DownloadState } from "../../domain/downloads.ts";
import type { GateAnswer } from "../../activities/gates/index.ts";
import { QUEUES } from "../../domain/queues.ts";
import {
  beginAgain,
  cancelDownload,
  download,
  extendDownload,
  keepDownload,
  mediaParse,
  removeDownload,
} from "../../workflows/downloads/index.ts";
import { fakeDownload, fakeFunds, fakeWayOut } from "../support/fakes/download-activities.ts";
import { withTimeSkipping } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const DAY_MS = 86_400_000;

const begin = (client: Client) =>
  client.workflow.start(download, {
    taskQueue: QUEUES.orchestrator,
    workflowId: randomUUID(),
    args: [{ downloadId: "download" }],
  });

/** How long it lived, in milliseconds. */
async function lifeOf(handle: WorkflowHandle): Promise<number> {
  const { startTime, closeTime } = await handle.describe();
  return closeTime!.getTime() - startTime.getTime();
}

test("a quick download is gone a day after it was fetched, to the second", async () => {
  const { activities, happened } = fakeDownload(["media"]);

  const life = await withTimeSkipping(activities, async ({ client }) => {
    const handle = await begin(client);
    expect(await handle.result()).toBe("expired");
    return lifeOf(handle);
  });

  expect(happened.filter((one) => one !== "tidied")).toEqual(["fetch 1", "ready", "expired"]);
  expect(life - DAY_MS).toBeGreaterThanOrEqual(0);
  expect(life - DAY_MS).toBeLessThan(5_000);
});

test("it is tried again at the times that were told, and has not failed before the last of them", async () => {
  const tries = ["retryable", "proxy", "blocked"] as const;
  const { activities, happened } = fakeDownload(tries);

  await withTimeSkipping(activities, async ({ client }) => {
    const handle = await begin(client);
    expect(await handle.result()).toBe("failed");
    expect(await lifeOf(handle)).toBeGreaterThanOrEqual(75_000);
  });

  expect(happened).toEqual([
    "fetch 1",
    "retryable, again in 15",
    "again",
    "fetch 2",
    "proxy, again in 60",
    "again",
    "fetch 3",
    "failed: downloads/source-away",
    "tidied",
  ]);
});

test.each(["terminal", "needs-cookie"] as const)("what is %s is not tried again", async (kind) => {
  const { activities, happened } = fakeDownload([kind, "media"]);

  await withTimeSkipping(activities, async ({ client }) => (await begin(client)).result());

  expect(happened[0]).toBe("fetch 1");
  expect(happened[1]).toMatch(/^failed/);
});

test("its end moves as it is told, and is forgotten when it is kept", async () => {
  const { activities, happened } = fakeDownload(["media"]);

  await withTimeSkipping(activities, async ({ client, sleep }) => {
    const handle = await begin(client);
    await until(() => happened.includes("ready"));
    await handle.executeUpdate(extendDownload, { args: [{ seconds: 7 * 86_400 }] });
    await sleep("2 days");
    expect(happened).not.toContain("expired");
    await handle.executeUpdate(keepDownload);
    expect(await handle.result()).toBe("kept");
  });

  expect(happened.at(-1)).toBe("kept");
});

test("one that was ready while everything was down goes on to its end, which may be past", async () => {
  const { activities, happened } = fakeDownload([], { state: "ready", expireAt: 1 });

  await withTimeSkipping(activities, async ({ client }) => (await begin(client)).result());

  expect(happened).toEqual(["expired"]);
});

/** A download whose folder is not tidied up before the gate is opened: the machine that has it is away. */
function fakeUntidy(tries: Parameters<typeof fakeDownload>[0]) {
  const { activities, happened } = fakeDownload(tries);
  let openGate = () => {};
  const gate = new Promise<void>((resolve) => (openGate = resolve));
  const row: { state: DownloadState; isRemoved: boolean } = { state: "queued", isRemoved: false };
  const untidy = {
    ...activities,
    takeUpDownload: async () => {
      if (row.state === "queued") row.state = "working";
      return { ...(await activities.takeUpDownload()), ...row, ttlSeconds: null };
    },
    failDownload: async (order: Parameters<typeof activities.failDownload>[0]) => {
      row.state = "failed";
      await activities.failDownload(order);
    },
    finishDownload: async (order: Parameters<typeof activities.finishDownload>[0]) => {
      row.state = "kept";
      return activities.finishDownload(order);
    },
    removeParts: async () => {
      await gate;
      await activities.removeParts();
    },
  };
  return { activities: untidy, happened, row, openGate };
}

test.each([
  { told: [beginAgain], next: ["fetch 1", "kept"] },
  { told: [beginAgain, cancelDownload], next: ["failed: downloads/cancelled"] },
  { told: [cancelDownload, beginAgain], next: ["failed: downloads/cancelled"] },
])("what it is told while it is wound up is for its next life: $next", async ({ told, next }) => {
  const { activities, happened, row, openGate } = fakeUntidy(["terminal", "media"]);

  await withTimeSkipping(activities, async ({ client }) => {
    const handle = await begin(client);
    await until(() => row.state === "failed");
    row.state = "queued";
    for (const update of told) await handle.executeUpdate(update, { args: [{}] });
    openGate();
    await handle.result();
  });

  const [first, second, ...rest] = happened.filter((one) => one !== "tidied");
  expect([first, second]).toEqual(["fetch 1", "failed: downloads/source-gone"]);
  expect(rest).toEqual(next);
});

test.each([
  { asked: "in an earlier life", life: 1, next: ["fetch 1", "kept"] },
  { asked: "in this one", life: 2, next: ["failed: downloads/cancelled"] },
])("what it was asked $asked, and hears late: $next", async ({ life, next }) => {
  const { activities, happened } = fakeDownload(["media"], { life: 2, ttlSeconds: null });
  let openGate = () => {};
  const gate = new Promise<void>((resolve) => (openGate = resolve));
  const takeUpDownload = () => gate.then(activities.takeUpDownload);

  await withTimeSkipping({ ...activities, takeUpDownload }, async ({ client }) => {
    const handle = await begin(client);
    await handle.executeUpdate(cancelDownload, { args: [{ life }] });
    openGate();
    await handle.result();
  });

  expect(happened.filter((one) => one !== "tidied")).toEqual(next);
});

test("a cancel that comes once more while the next life goes on ends nothing", async () => {
  const { activities, happened } = fakeDownload(["retryable", "media"], {
    life: 2,
    ttlSeconds: null,
  });

  await withTimeSkipping(activities, async ({ client }) => {
    const handle = await begin(client);
    await until(() => happened.some((one) => one.startsWith("retryable")));
    await handle.executeUpdate(cancelDownload, { args: [{ life: 1 }] });
    expect(await handle.result()).toBe("kept");
  });
});

test("removed while it is wound up, its file is removed", async () => {
  const { activities, happened, row, openGate } = fakeUntidy(["media"]);

  await withTimeSkipping(activities, async ({ client }) => {
    const handle = await begin(client);
    await until(() => row.state === "kept");
    row.isRemoved = true;
    await handle.executeUpdate(removeDownload, { args: [{}] });
    openGate();
    await handle.result();
  });

  expect(happened).toEqual(["fetch 1", "kept", "tidied", "removed"]);
});

test("it is charged for once, by its bytes, out of what its estimate had held", async () => {
  const { activities, happened } = fakeDownload(["retryable", "media"], {
    isCharged: true,
    ttlSeconds: null,
  });

  await withTimeSkipping({ ...activities, ...fakeFunds(happened) }, async ({ client }) =>
    (await begin(client)).result(),
  );

  expect(happened.filter((one) => one !== "tidied")).toEqual([
    "read 1",
    "hold 9",
    "fetch 1",
    "retryable, again in 15",
    "again",
    "fetch 2",
    "capture 7",
    "kept",
  ]);
});

test("what fails for good gives its money back, and who has none is told before anything is fetched", async () => {
  const charged = { isCharged: true };
  const { activities, happened } = fakeDownload(["terminal"], charged);
  const poor = fakeDownload([], charged);

  await withTimeSkipping({ ...activities, ...fakeFunds(happened) }, async ({ client }) =>
    (await begin(client)).result(),
  );
  const noFunds = fakeFunds(poor.happened, true);
  await withTimeSkipping({ ...poor.activities, ...noFunds }, async ({ client }) =>
    (await begin(client)).result(),
  );

  expect(happened.slice(0, 5)).toEqual([
    "read 1",
    "hold 9",
    "fetch 1",
    "release",
    "failed: downloads/source-gone",
  ]);
  expect(poor.happened.slice(0, 3)).toEqual([
    "read 1",
    "hold 9",
    "failed: downloads/insufficient-balance",
  ]);
});

test("what others want too is fetched by a workflow of its own, in as many tries as there may be", async () => {
  const { activities, happened } = fakeDownload(
    ["retryable", "media"],
    { wishHash: "hash", ttlSeconds: null },
    ["one"],
  );
  const beside = fakeWayOut(happened, {});

  await withTimeSkipping({ ...activities, ...beside }, async ({ client }) => {
    const args: [{ downloadId: string }] = [{ downloadId: "one" }];
    const order = { taskQueue: QUEUES.orchestrator, workflowId: "download/one", args };
    expect(await client.workflow.execute(download, order)).toBe("kept");
  });

  expect(happened.filter((one) => !/^(left|proxy|tidied)/.test(one))).toEqual([
    "joined",
    "fetch 1",
    "retryable, again in 15",
    "again",
    "fetch 2",
    "stored",
    "joined",
    "kept",
  ]);
});

test("a shared fetch that nobody wants any more is ended", async () => {
  const { activities, happened } = fakeDownload(["hangs"], { wishHash: "left" });
  const beside = fakeWayOut(happened, {});

  await withTimeSkipping({ ...activities, ...beside }, async ({ client }) => {
    const handle = await begin(client);
    await until(() => happened.includes("fetch 1"));
    await handle.executeUpdate(cancelDownload, { args: [{}] });
    expect(await handle.result()).toBe("failed");
    await until(() => happened.includes("nothing: downloads/cancelled"));
  });
});

test("where there is no room it waits, longer each time, and has tried nothing meanwhile", async () => {
  const room = Array.from({ length: 8 }, () => "no room" as const);
  const { activities, happened } = fakeDownload([...room, "retryable", "no room", "media"], {
    ttlSeconds: null,
  });

  await withTimeSkipping(activities, async ({ client }) => {
    expect(await (await begin(client)).result()).toBe("kept");
  });

  const waits = happened.filter((one) => one.startsWith("waits"));
  expect(waits.map((one) => Number(one.split(", ")[1]))).toEqual([
    5, 10, 20, 40, 80, 160, 300, 300, 5,
  ]);
  expect(waits[0]).toContain("disk");
  expect(happened.filter((one) => one.startsWith("fetch")).slice(-3)).toEqual([
    "fetch 1",
    "fetch 2",
    "fetch 2",
  ]);
});

/** Asks what an address has, behind gates that answer so. */
async function parseBehind(gates: readonly GateAnswer[]) {
  const { activities, happened } = fakeDownload([]);
  const all = { ...activities, ...fakeWayOut(happened, { gates }) };
  const order = { addressHash: "hash", sealedAddress: "sealed", platform: "generic" };
  const ended = await withTimeSkipping(all, ({ client }) =>
    client.workflow
      .execute(mediaParse, {
        taskQueue: QUEUES.orchestrator,
        workflowId: randomUUID(),
        args: [{ ...order, gates: ["host:films.example"] }],
      })
      .catch((error: Error) => error.cause),
  );
  return { happened, ended };
}

test("whoever asks what an address has takes a place before its host, and gives it back", async () => {
  const full = { isIn: false, gate: "host:films.example", why: "full", until: 0 } as const;
  const { happened, ended } = await parseBehind([full, full]);

  expect(ended).toBeUndefined();
  expect(happened).toEqual(["parsed", "proxy well", "left, well"]);
});

test("a host that has sent us away for long is not waited for by somebody who asks", async () => {
  const closed = { isIn: false, gate: "host:films.example", why: "closed" } as const;
  const { happened, ended } = await parseBehind([{ ...closed, until: Date.now() + 3_600_000 }]);

  expect(ended).toMatchObject({ type: "downloads/rate-limited" });
  expect(happened).toEqual(["left, silent"]);
});
