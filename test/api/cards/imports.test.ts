import { describe, expect, test } from "vitest";
import {
  beginImport,
  CardImport,
  CardImportFault,
  failImport,
} from "../../../models/cards/index.ts";
import { OutboxEntry, StagedObject } from "../../../models/operations.ts";
import { ADMIN, type StartedApi, startApi, STRANGER } from "../../support/api.ts";
import { makeProduct, makeSeller } from "../../support/cards.ts";
import { uploadForm } from "../../support/packages.ts";

const PATH = "/api/v1/cards/import";
const FILE = "VIP-AAAA0001\nVIP-AAAA0002\n";

const send = (
  api: StartedApi,
  content: string,
  fields: Record<string, string> = {},
  actor = ADMIN,
  headers: Record<string, string> = {},
) => {
  const form = uploadForm(fields, { bytes: Buffer.from(content), name: "cards.csv" });
  return api.call(actor, "POST", PATH, { form, headers });
};

/** How many files of cards the store keeps. */
async function storedIn({ services }: StartedApi): Promise<number> {
  let count = 0;
  for await (const _ of services.objects.list("cards/")) count++;
  return count;
}

describe("POST /api/v1/cards/import", () => {
  test("stores the lines, their codes sealed, and orders them to be taken in, once under a key", async () => {
    const api = await startApi();
    const headers = { "Idempotency-Key": "move" };

    const sent = await send(api, FILE, { note: "old shop" }, ADMIN, headers);

    expect(sent).toMatchObject({
      status: 202,
      body: { status: "queued", lines: 2, imported: 0, note: "old shop", dry_run: false },
    });
    const again = await send(api, FILE, { note: "old shop" }, ADMIN, headers);
    expect(again.body.id).toBe(sent.body.id);
    const messages = await OutboxEntry.findAll();
    expect(messages.map(({ workflowId }) => workflowId)).toEqual([`card-import/${sent.body.id}`]);
    expect(await StagedObject.count()).toBe(0);
    expect(await storedIn(api)).toBe(1);
  });

  test("refuses what is no import, and keeps nothing of it", async () => {
    const api = await startApi();
    const seller = await makeSeller(await makeProduct("own"), await makeProduct("more"));
    const code = async (
      ...given: Parameters<typeof send> extends [unknown, ...infer R] ? R : never
    ) => (await send(api, ...given)).body.code;

    expect(await code("# nothing\n")).toBe("cards/import-empty");
    expect(await code("A-1\n".repeat(100_001))).toBe("cards/import-too-long");
    expect(await code(FILE, { prefix: "no good" })).toBe("request/invalid");
    expect(await code(FILE, { policy: "none" })).toBe("cards/policy-not-found");
    expect(await code(FILE, {}, seller)).toBe("cards/product-needed");
    expect((await send(api, FILE, {}, STRANGER)).status).toBe(403);
    expect(await storedIn(api)).toBe(0);
    expect((await send(api, FILE, { product: "own" }, seller)).body.product).toBe("own");
  });
});

/** An import that has failed in its second line. */
async function startWithFailed() {
  const api = await startApi();
  const seller = await makeSeller(await makeProduct("own"));
  const { id } = (await send(api, FILE, { dry_run: "true" }, seller)).body as { id: string };
  await beginImport(api.services.database, id);
  await CardImportFault.create({ importId: id, line: 2, reason: "There is no code." });
  await failImport(api.services.database, id, "no room");
  const read = (rest = "", actor = seller) => api.call(actor, "GET", `${PATH}/${id}${rest}`);
  return { api, seller, id, read };
}

describe("GET /api/v1/cards/import", () => {
  test("lists one's own, and all to those who oversee cards", async () => {
    const { api, seller, id } = await startWithFailed();
    const list = async (actor = ADMIN) =>
      (await api.call(actor, "GET", PATH)).body.items.map((item: { id: string }) => item.id);

    expect(await list(seller)).toEqual([id]);
    expect(await list()).toEqual([id]);
    expect(await list(await makeSeller())).toEqual([]);
  });
});

describe("GET /api/v1/cards/import/:id", () => {
  test("says how far it is", async () => {
    const { read } = await startWithFailed();

    expect((await read()).body).toMatchObject({
      status: "failed",
      error: "no room",
      dry_run: true,
      report_until: null,
    });
    expect((await read("", await makeSeller())).body.code).toBe("cards/import-not-found");
  });
});

describe("GET /api/v1/cards/import/:id/report", () => {
  test("is a table of the lines that are no cards", async () => {
    const { id, read } = await startWithFailed();

    const { body, headers } = await read("/report");

    expect(body).toBe('"line","reason"\r\n2,"There is no code."\r\n');
    expect(headers.get("Content-Disposition")).toContain(`import-${id}.csv`);
    expect((await read("/report", await makeSeller())).status).toBe(404);
  });

  test("says so when it is not kept any more", async () => {
    const { id, read } = await startWithFailed();
    await CardImport.update({ hasResults: false }, { where: { id } });

    expect(await read("/report")).toMatchObject({
      status: 410,
      body: { code: "cards/results-gone" },
    });
  });
});

describe("POST /api/v1/cards/import/:id/resume", () => {
  test("lets it go on", async () => {
    const { api, id, seller } = await startWithFailed();
    const resume = () => api.call(seller, "POST", `${PATH}/${id}/resume`);

    expect(await resume()).toMatchObject({
      status: 202,
      body: { status: "importing", error: null },
    });
    expect((await resume()).body.code).toBe("cards/import-not-failed");
  });
});
