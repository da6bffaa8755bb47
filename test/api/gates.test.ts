import { describe, expect, test } from "vitest";
import type { Actor } from "../../domain/accounts.ts";
import { enterGates, noteGates } from "../../models/gates/index.ts";
import { AuditEntry } from "../../models/operations.ts";
import { newId } from "../../platform/crypto.ts";
import { usualGates } from "../../platform/env-proxies.ts";
import { ADMIN, startApi, STRANGER } from "../support/api.ts";

const PATH = "/api/v1/admin/gates";
const HOST = "host:films.example";
const READER: Actor = { ...ADMIN, permissions: ["proxies:read"] };

/** An API, and downloads before and behind one of its gates. */
async function openScene(places = "1") {
  const api = await startApi({ env: { GATE_HOST_PLACES: places } });
  const { database, env } = api.services;
  const enter = async (holder = newId()) => {
    const order = { holder, keys: [HOST], seconds: 60 };
    await enterGates(database, order, usualGates(env));
    return holder;
  };
  return { api, database, enter };
}

describe("GET /api/v1/admin/gates", () => {
  test("shows who is behind each gate and who waits before it, and which are closed", async () => {
    const { api, database, enter } = await openScene();
    const inside = await enter();
    const waiting = await enter();
    await noteGates(database, ["host:away.example"], { went: "away", reason: "It said 429." });

    const { body } = await api.call(READER, "GET", PATH);

    expect(body.items).toMatchObject([
      { key: "host:away.example", reason: "It said 429.", closed_until: expect.any(String) },
      {
        key: HOST,
        kind: "host",
        places: 1,
        rate: { points: 60, seconds: 60 },
        is_set: false,
        inside: [{ task_id: inside }],
        closed_until: null,
        waiting: [{ task_id: waiting, why: "full" }],
      },
    ]);
    expect((await api.call(STRANGER, "GET", PATH)).status).toBe(403);
  });
});

describe("PUT /api/v1/admin/gates/:key", () => {
  test("sets what a gate lets through, audited, and brings back what is usual", async () => {
    const { api } = await openScene();
    const path = `${PATH}/${HOST}`;
    const json = { places: 3, rate: { points: 5, seconds: 10 } };

    const set = await api.call(ADMIN, "PUT", path, { json });
    const shown = (await api.call(READER, "GET", PATH)).body.items;
    await api.call(ADMIN, "PUT", path, { json: {} });

    expect(set.body).toEqual({ success: true });
    expect(shown).toMatchObject([{ key: HOST, ...json, is_set: true }]);
    expect((await api.call(READER, "GET", PATH)).body.items).toEqual([]);
    expect(await AuditEntry.count({ where: { action: "gates.set" } })).toBe(2);
    for (const wrong of [`${PATH}/films.example`, `${PATH}/host:a%2Fb`]) {
      expect((await api.call(ADMIN, "PUT", wrong, { json })).status).toBe(422);
    }
    expect((await api.call(READER, "PUT", path, { json })).status).toBe(403);
  });
});

describe("POST /api/v1/admin/gates/:key/open", () => {
  test("opens a closed gate at once, audited, and tells whoever waits", async () => {
    const { api, database, enter } = await openScene();
    await noteGates(database, [HOST], { went: "away", reason: "It said 429." });
    const waiting = await enter();
    const path = `${PATH}/${HOST}/open`;

    expect((await api.call(READER, "POST", path)).status).toBe(403);
    expect((await api.call(ADMIN, "POST", path)).body).toEqual({ success: true });
    expect(api.temporal.calls).toMatchObject([
      { method: "signal", name: "gateOpened", workflowId: `download/${waiting}` },
    ]);
    expect((await api.call(READER, "GET", PATH)).body.items).toMatchObject([
      { closed_until: null },
    ]);
    expect((await api.call(ADMIN, "POST", `${PATH}/host:none/open`)).body).toMatchObject({
      type: "/problems/gates/not-found",
    });
    expect(await AuditEntry.count({ where: { action: "gates.opened" } })).toBe(1);
  });
});
