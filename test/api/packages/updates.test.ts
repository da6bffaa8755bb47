import { describe, expect, test } from "vitest";
import { ADMIN, startApi } from "../../support/api.ts";
import { digestOf, publishByHand, uploadForm, uploadPackage } from "../../support/packages.ts";

async function startPublished() {
  const api = await startApi();
  const { body, bytes } = await uploadPackage(api, { version: "2.0.0", fileName: "App 2.zip" });
  await publishByHand(api, body.id, "2.0.0");
  const ask = (rest: string, headers?: Record<string, string>) =>
    api.call(undefined, "GET", `/update/${body.id}/${rest}`, headers ? { headers } : {});
  return { api, id: body.id as string, bytes, ask };
}

describe("GET /update/:id/:channel/:version", () => {
  test.each(["stable", "release"])(
    "says nothing when %s shows what the client has",
    async (channel) => {
      const { ask } = await startPublished();

      const answer = await ask(`${channel}/2.0.0`);

      expect([answer.status, answer.body]).toEqual([204, ""]);
      expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    },
  );

  // A client that is ahead, as after a rollback, is told of what is live: only the publisher knows which is better.
  test.each(["1.0.0", "2.0.1", "never-there"])(
    "tells a client that has %s what is live",
    async (version) => {
      const { api, id, ask, bytes } = await startPublished();
      const notes = { description: "Faster.\nAnd 更好." };
      await api.call(ADMIN, "PATCH", `/api/v1/packages/${id}/versions/2.0.0`, { json: notes });

      const { status, body } = await ask(`stable/${version}`);

      const { publicUrl } = api.services.env;
      expect([status, body]).toMatchObject([
        200,
        {
          version: "2.0.0",
          url: `${publicUrl}/dist/${id}/release.zip`,
          version_url: `${publicUrl}/dist/${id}/v/2.0.0/App%202.zip`,
          sha256: digestOf(bytes),
          bytes: bytes.length,
          notes: notes.description,
          name: "2.0.0",
        },
      ]);
      expect(await fetch(new URL(new URL(body.version_url).pathname, api.address))).toMatchObject({
        status: 200,
      });
    },
  );

  test("costs nothing more while nothing changes", async () => {
    const { api, id, ask } = await startPublished();
    const first = await ask("stable/1.0.0");
    const known = { "If-None-Match": first.headers.get("etag")! };

    expect(await ask("stable/1.0.0", known)).toMatchObject({ status: 304, body: "" });
    const json = { description: "New words." };
    await api.call(ADMIN, "PATCH", `/api/v1/packages/${id}/versions/2.0.0`, { json });
    expect((await ask("stable/1.0.0", known)).status).toBe(200);
  });

  test("answers for each channel by itself", async () => {
    const { api, id, ask, bytes } = await startPublished();
    const form = uploadForm({ version: "3.0.0", channel: "beta" }, { bytes });
    await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions`, { form });

    expect(await ask("beta/1.0.0")).toMatchObject({
      status: 404,
      body: { code: "packages/not-published" },
    });
    await publishByHand(api, id, "3.0.0");
    expect((await ask("beta/2.0.0")).body.version).toBe("3.0.0");
    expect((await ask("stable/2.0.0")).status).toBe(204);
    expect((await ask("Beta/2.0.0")).status).toBe(422);
  });

  test("tells what a yanked version's link shows in its place", async () => {
    const { api, id, ask, bytes } = await startPublished();
    const form = uploadForm({ version: "3.0.0" }, { bytes });
    await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions`, { form });
    await publishByHand(api, id, "3.0.0");
    const json = { reason: "It crashes.", fallback: true };
    await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions/3.0.0/yank`, { json });

    expect((await ask("stable/3.0.0")).body.version).toBe("2.0.0");
    expect((await ask("stable/2.0.0")).status).toBe(204);
  });
});
