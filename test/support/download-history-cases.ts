import type { Client, WorkflowHandle } from "@temporalio/client";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import {
  beginAgain,
  cancelDownload,
  download,
  extendDownload,
  keepDownload,
  mediaFetch,
  mediaParse,
  playlist,
  removeDownload,
  tryDownloadNow,
} from "../../workflows/downloads/index.ts";
import { fakeDownload, fakeFunds, fakeWayOut } from "./fakes/download-activities.ts";
import type { HistoryCase } from "./history-cases.ts";
import { until } from "./until.ts";

const taskQueue = QUEUES.orchestrator;

const living =
  (meanwhile: (handle: WorkflowHandle) => Promise<void> = async () => {}): HistoryCase["live"] =>
  async (client: Client, workflowId: string) => {
    const args: [{ downloadId: string }] = [{ downloadId: workflowId }];
    const handle = await client.workflow.start(download, { taskQueue, workflowId, args });
    await meanwhile(handle);
    await handle.result();
    return handle;
  };

/** The life of a download that shares what it wants; those who are told of that are `waiting`. */
const sharing =
  (waiting: string[], meanwhile?: (handle: WorkflowHandle) => Promise<void>): HistoryCase["live"] =>
  async (client: Client, id: string) => {
    waiting.push(id);
    const args: [{ downloadId: string }] = [{ downloadId: id }];
    const order = { taskQueue, workflowId: workflowId("download", id), args };
    const handle = await client.workflow.start(download, order);
    await meanwhile?.(handle);
    await handle.result();
    return handle;
  };

const fetchingFor: HistoryCase["live"] = async (client, id) => {
  const args: [{ mediaId: string }] = [{ mediaId: id }];
  const handle = await client.workflow.start(mediaFetch, { taskQueue, workflowId: id, args });
  await handle.result();
  return handle;
};

const listing =
  (meanwhile: (handle: WorkflowHandle) => Promise<void> = async () => {}): HistoryCase["live"] =>
  async (client, workflowId) => {
    const args: [{ downloadId: string }] = [{ downloadId: workflowId }];
    const handle = await client.workflow.start(playlist, { taskQueue, workflowId, args });
    await meanwhile(handle);
    await handle.result();
    return handle;
  };

/** A gate that is full, then a proxy that is in use. */
const WAY_OUT = {
  gates: [{ isIn: false, gate: "host:films.example", why: "full", until: 0 }],
  routes: [{ way: "none", fault: null, reason: "All are in use.", retryAfterMs: 1 }],
} as const;

/** The recorded lives of downloads. */
export function downloadCases(): HistoryCase[] {
  const workflow = "download";
  const extended = fakeDownload(["media"]);
  const kept = fakeDownload(["retryable", "media"]);
  const hanging = fakeDownload(["hangs"]);
  const again = fakeDownload(["hangs", "media"], { ttlSeconds: null });
  const removed = fakeDownload(["media"]);
  const late = fakeDownload(["retryable", "media"], { life: 2, ttlSeconds: null });
  const charged = fakeDownload(["proxy", "media"], {
    isCharged: true,
    retryPausesSeconds: [1],
    ttlSeconds: null,
  });
  const poor = fakeDownload([], { isCharged: true });
  const way = { gates: ["host:films.example"], platform: "generic" };
  const given = { way, retryPausesSeconds: [1], ttlSeconds: null };
  const proxied = fakeDownload(["blocked", "media"], given);
  const together = fakeDownload(["blocked", "media"], { ...given, isCharged: true });
  const asking = fakeDownload([]);
  const [sharers, leavers]: [string[], string[]] = [[], []];
  const [shares, leaves] = [{ wishHash: "shared" }, { wishHash: "left" }];
  const quickly = { retryPausesSeconds: [1], ttlSeconds: null, ...shares };
  const shared = fakeDownload(["retryable", "media"], quickly, sharers);
  const left = fakeDownload(["hangs"], leaves, leavers);
  const fetched = fakeDownload(["retryable", "media"], { retryPausesSeconds: [1] }, ["gone"]);
  const vain = fakeDownload(["terminal"]);
  const crowded = fakeDownload(["no room", "media"], { ttlSeconds: null });
  const followed = fakeDownload(
    ["media"],
    { way },
    [],
    [
      { left: 1, done: 0 },
      { left: 0, done: 1 },
    ],
  );
  const ended = fakeDownload(["media"], {}, [], [{ left: 1, done: 0 }]);
  const listed = fakeDownload(["media"], { parentId: "list", ttlSeconds: null });
  const isReady = ({ happened }: typeof kept) => until(() => happened.includes("ready"));
  return [
    {
      workflow,
      name: "archived",
      activities: () => fakeDownload(["media"], { ttlSeconds: null }).activities,
      live: living(),
    },
    {
      workflow,
      name: "failed",
      activities: () => fakeDownload(["terminal"]).activities,
      live: living(),
    },
    {
      workflow,
      name: "extended-and-expired",
      activities: () => extended.activities,
      live: living(async (handle) => {
        await isReady(extended);
        await handle.executeUpdate(extendDownload, { args: [{ seconds: 1 }] });
      }),
    },
    {
      workflow,
      name: "tried-again-at-once-and-kept",
      activities: () => kept.activities,
      live: living(async (handle) => {
        await until(() => kept.happened.some((one) => one.startsWith("retryable")));
        await handle.executeUpdate(tryDownloadNow);
        await isReady(kept);
        await handle.executeUpdate(keepDownload);
      }),
    },
    {
      workflow,
      name: "cancelled",
      activities: () => hanging.activities,
      live: living(async (handle) => {
        await until(() => hanging.happened.includes("fetch 1"));
        await handle.executeUpdate(cancelDownload, { args: [{}] });
      }),
    },
    {
      workflow,
      name: "told-to-begin-anew",
      activities: () => again.activities,
      live: living(async (handle) => {
        await until(() => again.happened.includes("fetch 1"));
        await handle.executeUpdate(beginAgain, { args: [{}] });
        await handle.executeUpdate(cancelDownload, { args: [{}] });
      }),
    },
    {
      workflow,
      name: "cancelled-in-an-earlier-life",
      activities: () => late.activities,
      live: living(async (handle) => {
        await until(() => late.happened.some((one) => one.startsWith("retryable")));
        await handle.executeUpdate(cancelDownload, { args: [{ life: 1 }] });
        await handle.executeUpdate(tryDownloadNow);
      }),
    },
    {
      workflow,
      name: "removed",
      activities: () => removed.activities,
      live: living(async (handle) => {
        await isReady(removed);
        await handle.executeUpdate(removeDownload, { args: [{}] });
      }),
    },
    {
      workflow,
      name: "charged",
      activities: () => ({ ...charged.activities, ...fakeFunds(charged.happened) }),
      live: living(),
    },
    {
      workflow,
      name: "charged-for-by-one-proxy-a-try",
      activities: () => ({
        ...together.activities,
        ...fakeFunds(together.happened),
        ...fakeWayOut(together.happened, WAY_OUT),
      }),
      live: living(),
    },
    {
      workflow,
      name: "not-paid",
      activities: () => ({ ...poor.activities, ...fakeFunds(poor.happened, true) }),
      live: living(),
    },
    {
      workflow,
      name: "by-a-proxy-behind-a-gate",
      activities: () => ({ ...proxied.activities, ...fakeWayOut(proxied.happened, WAY_OUT) }),
      live: living(),
    },
    {
      workflow,
      name: "shared",
      activities: () => ({ ...shared.activities, ...fakeWayOut(shared.happened, {}) }),
      live: sharing(sharers),
    },
    {
      workflow,
      name: "shared-and-left",
      activities: () => ({ ...left.activities, ...fakeWayOut(left.happened, {}) }),
      live: sharing(leavers, async (handle) => {
        await until(() => left.happened.includes("fetch 1"));
        await handle.executeUpdate(cancelDownload, { args: [{}] });
      }),
    },
    {
      workflow: "mediaFetch",
      name: "fetched-on-the-second-try",
      activities: () => ({ ...fetched.activities, ...fakeWayOut(fetched.happened, {}) }),
      live: fetchingFor,
    },
    {
      workflow: "mediaFetch",
      name: "failed",
      activities: () => ({ ...vain.activities, ...fakeWayOut(vain.happened, {}) }),
      live: fetchingFor,
    },
    {
      workflow,
      name: "waited-for-room",
      activities: () => crowded.activities,
      live: living(async (handle) => {
        await until(() => crowded.happened.some((one) => one.startsWith("waits for disk")));
        await handle.executeUpdate(tryDownloadNow);
      }),
    },
    {
      workflow,
      name: "on-a-list",
      activities: () => listed.activities,
      live: living(),
    },
    {
      workflow: "playlist",
      name: "followed",
      activities: () => ({ ...followed.activities, ...fakeWayOut(followed.happened, WAY_OUT) }),
      live: listing(async (handle) => {
        await until(() => followed.happened.includes("1 left"));
        await handle.signal("mediaEnded");
      }),
    },
    {
      workflow: "playlist",
      name: "cancelled",
      activities: () => ended.activities,
      live: listing(async (handle) => {
        await until(() => ended.happened.includes("1 left"));
        await handle.executeUpdate(cancelDownload, { args: [{}] });
      }),
    },
    {
      workflow: "mediaParse",
      name: "asked-behind-a-gate",
      activities: () => ({ ...asking.activities, ...fakeWayOut(asking.happened, WAY_OUT) }),
      live: async (client, workflowId) => {
        const order = { addressHash: "hash", sealedAddress: "sealed", platform: "generic" };
        const args: [typeof order & { gates: string[] }] = [{ ...order, gates: way.gates }];
        const handle = await client.workflow.start(mediaParse, { taskQueue, workflowId, args });
        await handle.result();
        return handle;
      },
    },
    {
      workflow: "mediaParse",
      name: "asked",
      activities: () => fakeDownload([]).activities,
      live: async (client, workflowId) => {
        const args: [{ addressHash: string; sealedAddress: string }] = [
          { addressHash: "hash", sealedAddress: "sealed" },
        ];
        const handle = await client.workflow.start(mediaParse, { taskQueue, workflowId, args });
        await handle.result();
        return handle;
      },
    },
  ];
}
