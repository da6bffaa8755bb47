import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { fingerprintOf } from "../../api/idempotency.ts";
import { route } from "../../api/route.ts";
import { refusal } from "../../domain/errors.ts";
import { IdempotencyKey } from "../../models/operations.ts";
import { ADMIN, NOBODY, startApi, STRANGER } from "../support/api.ts";
import { openTestDatabase } from "../support/database.ts";
import { BOUNDARY, FILE, startUploads, uploading } from "../support/forms.ts";
import { formBytes } from "../support/http.ts";

const Order = z.strictObject({ item: z.string(), count: z.number().optional() });

/** A POST that counts how often it was done. `during` runs while it is being done. */
function ordering(during: (item: string) => Promise<void> | void = () => {}) {
  const done: string[] = [];
  const order = route({
    method: "post",
    path: "/orders",
    summary: "An order",
    access: "signed-in",
    body: Order,
    returns: [201, z.strictObject({ number: z.number() })],
    async handle({ body, header }) {
      await during(body.item);
      done.push(body.item);
      header("Location", `/orders/${done.length}`);
      return { number: done.length };
    },
  });
  return { order, done };
}

async function start(routes: Parameters<typeof startApi>[0] & object) {
  return startApi({ ...routes, services: { database: await openTestDatabase() } });
}

const withKey = (key: string, json: unknown) => ({ json, headers: { "Idempotency-Key": key } });

describe("a POST with an Idempotency-Key", () => {
  test("is done once; a repeat gets the same answer and is told so", async () => {
    const { order, done } = ordering();
    const api = await start({ routes: { order } });

    const first = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a", count: 1 }));
    const again = await api.call(ADMIN, "POST", "/orders", withKey("k1", { count: 1, item: "a" }));

    expect(first).toMatchObject({ status: 201, body: { number: 1 } });
    expect(again).toMatchObject({ status: 201, body: { number: 1 } });
    expect(again.headers.get("Location")).toBe("/orders/1");
    expect(first.headers.get("Idempotency-Replayed")).toBeNull();
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(done).toEqual(["a"]);
  });

  test("is done once however many come at the same moment", async () => {
    const { order, done } = ordering();
    const api = await start({ routes: { order } });

    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" })),
      ),
    );

    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 201 || status === 409)).toBe(true);
    expect(done).toEqual(["a"]);
  });

  test("is refused while the first is being answered", async () => {
    let finish = () => {};
    let arrived = () => {};
    const here = new Promise<void>((resolve) => (arrived = resolve));
    const { order, done } = ordering(async () => {
      arrived();
      await new Promise<void>((resolve) => (finish = resolve));
    });
    const api = await start({ routes: { order } });

    const first = api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    await here;
    const second = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    finish();

    expect(second).toMatchObject({
      status: 409,
      body: { code: "operations/idempotency-in-flight" },
    });
    expect(second.headers.get("Retry-After")).toBe("1");
    expect((await first).status).toBe(201);
    expect(done).toEqual(["a"]);
  });

  test("is refused with another body or another address", async () => {
    const { order, done } = ordering();
    const api = await start({ routes: { order } });

    await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    const body = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "b" }));
    const address = await api.call(ADMIN, "POST", "/orders?x=1", withKey("k1", { item: "a" }));

    for (const answer of [body, address]) {
      expect(answer).toMatchObject({
        status: 422,
        body: { code: "operations/idempotency-mismatch" },
      });
    }
    expect(done).toEqual(["a"]);
  });

  test("is another's when another account uses the same key", async () => {
    const { order, done } = ordering();
    const api = await start({ routes: { order } });

    await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    const other = await api.call(STRANGER, "POST", "/orders", withKey("k1", { item: "b" }));

    expect(other.status).toBe(201);
    expect(done).toEqual(["a", "b"]);
  });

  test.each([
    ["refused", () => Promise.reject(refusal("packages/name-taken", "Taken.")), 409],
    ["a bug", () => Promise.reject(new Error("a bug")), 500],
  ])("that was %s may be tried again", async (_, fault, status) => {
    const during = vi.fn<(item: string) => Promise<void>>().mockImplementationOnce(fault);
    const { order, done } = ordering(during);
    const api = await start({ routes: { order } });

    const first = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    const again = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "other" }));

    expect(first.status).toBe(status);
    expect(again.status).toBe(201);
    expect(done).toEqual(["other"]);
  });

  test("that was invalid has used no key", async () => {
    const { order } = ordering();
    const api = await start({ routes: { order } });

    await api.call(ADMIN, "POST", "/orders", withKey("k1", {}));

    expect(await IdempotencyKey.count()).toBe(0);
  });

  test("is done even when its outcome cannot be kept, and says so in the log", async () => {
    const { order } = ordering(async () => {
      await IdempotencyKey.destroy({ where: { key: "k1" } });
    });
    const api = await start({ routes: { order } });

    const { status } = await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));

    expect(status).toBe(201);
    expect(JSON.stringify(api.logged)).toContain("an idempotency key passed to another request");
  });

  test("keeps its claim while it lasts", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    let claimedUntil: (Date | undefined)[] = [];
    const { order } = ordering(async () => {
      const read = async () => (await IdempotencyKey.findOne())?.claimedUntil;
      claimedUntil.push(await read());
      vi.advanceTimersByTime(20_000);
      await vi.waitFor(async () => expect(await read()).not.toEqual(claimedUntil[0]), 20_000);
      claimedUntil.push(await read());
    });
    const api = await start({ routes: { order } });

    await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));

    expect(claimedUntil[1]!.getTime()).toBeGreaterThan(claimedUntil[0]!.getTime());
  });

  test("whose answer holds a secret is not kept: the key is not honoured", async () => {
    const { order, done } = ordering();
    const api = await start({ routes: { order: route({ ...order, secret: true }) } });

    await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));
    await api.call(ADMIN, "POST", "/orders", withKey("k1", { item: "a" }));

    expect(done).toEqual(["a", "a"]);
    expect(await IdempotencyKey.count()).toBe(0);
  });

  test("on a public route means nothing", async () => {
    const { order, done } = ordering();
    const open = route({ ...order, access: "public" });
    const api = await start({ routes: { open } });

    await api.call(NOBODY, "POST", "/orders", withKey("k1", { item: "a" }));
    await api.call(NOBODY, "POST", "/orders", withKey("k1", { item: "a" }));

    expect(done).toEqual(["a", "a"]);
  });
});

describe("an upload with an Idempotency-Key", () => {
  const form = (note: string, content = "content") =>
    formBytes(BOUNDARY, [
      ["name", "n"],
      ["note", note],
      ["file", { fileName: "a.zip", content }],
    ]);
  const key = { "Idempotency-Key": "k1" };

  test("is stored once; a repeat is read to compare it, and stored nowhere", async () => {
    const { upload, stored } = uploading();
    const { post } = await startUploads(
      { upload },
      { services: { database: await openTestDatabase() } },
    );

    const first = await post(form("x"), key);
    const again = await post(form("x"), key);

    expect(first.status).toBe(202);
    expect(again).toMatchObject({ status: 202, body: first.body });
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(stored).toHaveLength(1);
  });

  test.each([
    ["another field", form("y")],
    ["another file", form("x", "Content")],
  ])("is refused with %s", async (_, other) => {
    const { upload, stored } = uploading();
    const { post } = await startUploads(
      { upload },
      { services: { database: await openTestDatabase() } },
    );

    await post(form("x"), key);

    expect(await post(other, key)).toMatchObject({
      status: 422,
      body: { code: "operations/idempotency-mismatch" },
    });
    expect(stored).toHaveLength(1);
  });

  test("that was cut short may be sent again", async () => {
    const { upload, stored } = uploading();
    const { post } = await startUploads(
      { upload },
      { services: { database: await openTestDatabase() } },
    );
    const whole = formBytes(BOUNDARY, [["name", "n"], FILE]);

    const cut = await post(whole.subarray(0, -20), key);
    const again = await post(whole, key);

    expect([cut.status, again.status]).toEqual([400, 202]);
    expect(stored).toHaveLength(1);
  });
});

describe("a fingerprint", () => {
  test("does not see the order of keys, but that of a list", () => {
    expect(fingerprintOf({ a: 1, b: { c: 2, d: [1, 2] } })).toBe(
      fingerprintOf({ b: { d: [1, 2], c: 2 }, a: 1 }),
    );
    expect(fingerprintOf([1, 2])).not.toBe(fingerprintOf([2, 1]));
  });
});
