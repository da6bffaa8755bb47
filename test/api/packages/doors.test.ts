import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Route } from "../../../api/route.ts";
import { routes } from "../../../api/routes/index.ts";
import { inTransaction } from "../../../models/database.ts";
import { Package, PackageVersion } from "../../../models/packages/index.ts";
import { type ObjectStore, openObjectStore } from "../../../platform/objects/index.ts";
import { ADMIN, type Answer, startApi, type StartedApi } from "../../support/api.ts";
import {
  giveIcon,
  publishByHand,
  uploadForm,
  uploadPackage,
  zipOf,
} from "../../support/packages.ts";

/** How a client comes to each door for the version 1.0.0 of a package. */
const DOORS: Record<string, (api: StartedApi, id: string) => Promise<Answer>> = {
  "GET /dist/:id/:file": (api, id) => api.call(undefined, "GET", `/dist/${id}/release.ipa`),
  "GET /dist/:id/v/:version/:file": (api, id) =>
    api.call(undefined, "GET", `/dist/${id}/v/1.0.0/app.ipa`),
  "GET /api/v1/packages/:id/versions/:version/original": async (api, id) =>
    api.call(undefined, "GET", originals.get(api)!.replaceAll(":id", id)),
  "GET /api/v1/package/query": (api, id) =>
    api.call(undefined, "GET", `/api/v1/package/query?package_id=${id}`, {
      headers: { "x-api-key": api.tokenOf(ADMIN) },
    }),
  "GET /api/v1/packages/:id/versions/:version/icon": (api, id) =>
    api.call(undefined, "GET", `/api/v1/packages/${id}/versions/1.0.0/icon`),
  "GET /api/v1/packages/:id/install": (api, id) =>
    api.call(undefined, "GET", `/api/v1/packages/${id}/install`),
  "GET /api/v1/packages/:id/install.plist": (api, id) =>
    api.call(undefined, "GET", `/api/v1/packages/${id}/install.plist?version=1.0.0`),
  "GET /api/v1/packages/:id/qr.svg": (api, id) =>
    api.call(undefined, "GET", `/api/v1/packages/${id}/qr.svg?version=1.0.0`),
  "GET /api/v1/packages/:id/qr.png": (api, id) =>
    api.call(undefined, "GET", `/api/v1/packages/${id}/qr.png`),
  "GET /update/:id/:channel/:version": (api, id) =>
    api.call(undefined, "GET", `/update/${id}/stable/0.9.0`),
};
/** Of each API the signed address of the original. */
const originals = new WeakMap<StartedApi, string>();

/** What of a package or its version shuts doors, and what every door answers then. */
const STATES = {
  off: { owner: { isDistributing: false }, status: 403 },
  draft: { version: { isDraft: true }, status: 404 },
  pending: { version: { verdict: "pending" }, status: 404 },
  held: { version: { verdict: "held" }, status: 409 },
  rejected: { version: { verdict: "rejected" }, status: 403 },
  yanked: { version: { yankedAt: new Date(), yankReason: "bad" }, status: 410 },
  "being deleted": { owner: { deletedAt: new Date() }, status: 404 },
} as const;

const titleOf = ({ method, path }: Route) => `${method.toUpperCase()} ${path}`;
const isDoor = ({ returns, door }: Route) => returns === "delivery" || door === true;
/** What was downloaded is its owner's alone: nothing of a package shuts it. */
const isOfPackages = ({ path }: Route) => !path.startsWith("/api/v1/download/");
const all = Object.values(routes).filter(isOfPackages);

test("every door that the routes have is tried here", () => {
  expect(Object.keys(DOORS).sort()).toEqual(all.filter(isDoor).map(titleOf).sort());
});

test("whatever strangers may ask of a package is a door", () => {
  const asked = all.filter(({ access, path }) => access === "public" && path.includes("/:id"));

  expect(asked.filter((route) => !isDoor(route)).map(titleOf)).toEqual([]);
});

describe.each(Object.entries(DOORS))("%s", (_title, knock) => {
  test("is open while nothing shuts it", async () => {
    const { api, id } = await startPublished();

    expect((await knock(api, id)).status).toBeLessThan(300);
  });

  test.each(Object.entries(STATES))("obeys %s", async (_state, given) => {
    const { api, id } = await startPublished();
    await shut(api, given);

    const answer = await knock(api, id);

    expect(answer.status).toBe(given.status);
  });
});

/** Who else may send the bytes, what it takes to be handed them, and how one sees that they were. */
const HANDED_OVER = {
  accel: { env: { DELIVERY: "accel" }, shown: "x-accel-redirect" },
  redirect: {
    env: {
      DELIVERY: "redirect",
      S3_ENDPOINT: "http://s3.invalid",
      S3_BUCKET: "bucket",
      S3_ACCESS_KEY_ID: "key",
      S3_SECRET_ACCESS_KEY: "secret",
    },
    shown: "location",
  },
};

describe.each(Object.entries(HANDED_OVER))("DELIVERY=%s", (_mode, { env, shown }) => {
  const nginx = { headers: { "X-Sendfile-Type": "X-Accel-Redirect" } };

  test.each(all.filter(({ returns }) => returns === "delivery").map(titleOf))(
    "%s hands bytes over while it is open, and obeys all that shuts it",
    async (title) => {
      const { api, id } = await startPublished(env);
      const call: StartedApi["call"] = (actor, method, path) =>
        api.call(actor, method, path, nginx);
      const behind = { ...api, call };
      originals.set(behind, originals.get(api)!);
      const knock = () => DOORS[title]!(behind, id);

      expect((await knock()).headers.get(shown)).toBeTruthy();
      for (const given of Object.values(STATES)) {
        const restore = await shut(api, given);
        const answer = await knock();
        expect([answer.status, answer.headers.get(shown)]).toEqual([given.status, null]);
        await restore();
      }
    },
  );
});

test.each(["draft", "pending", "held", "rejected"] as const)(
  "a later version that is %s does not shut the link, which shows the older one",
  async (state) => {
    const { api, id, bytes } = await startPublished();
    const form = uploadForm({ version: "2.0.0" }, { bytes: await ipaOf("2"), name: "app.ipa" });
    await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions`, { form });
    await inTransaction(api.services.database, (transaction) =>
      PackageVersion.update(STATES[state].version, { where: { version: "2.0.0" }, transaction }),
    );

    const link = await fetch(new URL(`/dist/${id}/release.ipa`, api.address));
    const own = await api.call(undefined, "GET", `/dist/${id}/v/2.0.0/app.ipa`);

    expect(Buffer.from(await link.arrayBuffer())).toEqual(bytes);
    expect(own.status).toBe(STATES[state].status);
  },
);

test("a yanked version's door says why, and names the version that is live", async () => {
  const { api, id } = await startPublished();
  const form = uploadForm({ version: "2.0.0" }, { bytes: await ipaOf("2"), name: "app.ipa" });
  await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions`, { form });
  await publishByHand(api, id, "2.0.0");
  const { yankedAt, yankReason } = STATES.yanked.version;
  await inTransaction(api.services.database, (transaction) =>
    PackageVersion.update({ yankedAt, yankReason }, { where: { version: "1.0.0" }, transaction }),
  );

  expect(await api.call(undefined, "GET", `/dist/${id}/v/1.0.0/app.ipa`)).toMatchObject({
    status: 410,
    body: { code: "packages/version-yanked", reason: "bad", live_version: "2.0.0" },
  });
});

test("a draft opens to those who may see packages, and is kept nowhere on the way", async () => {
  const { api, id } = await startPublished();
  await inTransaction(api.services.database, (transaction) =>
    PackageVersion.update({ isDraft: true }, { where: {}, transaction }),
  );

  const answer = await api.call(ADMIN, "GET", `/dist/${id}/v/1.0.0/app.ipa`);

  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("private, no-store");
});

/** Brings about one of the states; answers what takes it back. */
async function shut({ services }: StartedApi, given: (typeof STATES)[keyof typeof STATES]) {
  const open = {
    owner: { isDistributing: true, deletedAt: null },
    version: { isDraft: false, verdict: "clear", yankedAt: null, yankReason: null },
  } as const;
  const write = ({ owner, version }: { owner?: object; version?: object }) =>
    inTransaction(services.database, async (transaction) => {
      if (owner) await Package.update(owner, { where: {}, transaction });
      if (version) await PackageVersion.update(version, { where: {}, transaction });
    });
  await write(given);
  return () => write(open);
}

async function startPublished(env: Record<string, string> = {}) {
  const api = await startApi({ env, services: { objects: await openSignedStore() } });
  const file = { bytes: await ipaOf("1"), fileName: "app.ipa" };
  const { body, bytes } = await uploadPackage(api, file);
  await publishByHand(api, body.id, "1.0.0");
  await giveIcon(api, "1.0.0", { package_name: "com.example.demo" });
  const shown = await api.call(ADMIN, "GET", `/api/v1/packages/${body.id}`);
  const { pathname, search } = new URL(shown.body.original_download_url);
  originals.set(api, pathname + search);
  return { api, id: body.id as string, bytes };
}

/** Of all types the one that has every door. */
const ipaOf = (content: string) => zipOf({ "Payload/Demo.app/Info.plist": content });

/** A store on disk that gives addresses too, as an S3 server does. */
async function openSignedStore(): Promise<ObjectStore> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-doors-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const objects = await openObjectStore({ s3: undefined, folder });
  return {
    ...objects,
    async open(key) {
      const object = await objects.open(key);
      return object && { ...object, presign: async () => `http://s3.invalid/${key}` };
    },
  };
}
