import { describe, expect, test } from "vitest";
import type { Route } from "../../../api/route.ts";
import { routes } from "../../../api/routes/index.ts";
import { inTransaction } from "../../../models/database.ts";
import { Package, PackageVersion } from "../../../models/packages/index.ts";
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
const all = Object.values(routes);

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
    await inTransaction(api.services.database, async (transaction) => {
      if ("owner" in given) await Package.update(given.owner, { where: {}, transaction });
      else await PackageVersion.update(given.version, { where: {}, transaction });
    });

    const answer = await knock(api, id);

    expect(answer.status).toBe(given.status);
  });
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

async function startPublished() {
  const api = await startApi();
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
