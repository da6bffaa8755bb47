import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import { describe, expect, test } from "vitest";
import { type CardKeys, validate } from "../../../examples/typescript/card-client.ts";
import { NOBODY, type StartedApi } from "../../support/api.ts";
import { CODE, makePolicy, makeProduct, startWithCard } from "../../support/cards.ts";

const NONCE = "0123456789abcdef";
const SHOWN = { code: CODE, machine_code: "PC-1" };
const DAY_SECONDS = 86_400;

const keysOf = async (api: StartedApi) =>
  (await api.call(NOBODY, "GET", "/.well-known/card-keys.json")).body as CardKeys;
const ask = (api: StartedApi, json: object, nonce?: string) =>
  api.call(NOBODY, "POST", "/api/validate", {
    json,
    ...(nonce && { headers: { "X-Nonce": nonce } }),
  });

describe("the proof of an answer", () => {
  test("is given to whoever sends a nonce, of a yes as of a no, and to nobody else", async () => {
    const { api } = await startWithCard();

    const good = await ask(api, SHOWN, NONCE);
    const bad = await ask(api, { ...SHOWN, machine_code: "PC-2" }, NONCE);
    const status = await api.call(NOBODY, "GET", `/api/status/${CODE}`, {
      headers: { "X-Nonce": NONCE },
    });

    for (const { headers } of [good, bad, status]) {
      expect(headers.get("Signature-Input")).toContain(`;nonce="${NONCE}";keyid="own"`);
      expect(headers.get("Signature")).toMatch(/^card=:[\w+/]{86}==:$/);
    }
    expect(bad.status).toBe(403);
    for (const nonce of [undefined, "short", `${NONCE}"`, "x".repeat(129)]) {
      const { headers, body } = await ask(api, SHOWN, nonce);
      expect(headers.get("Signature"), nonce).toBeNull();
      expect(body.code).toBe("VALID");
    }
  });

  test("is believed by the sample client; what somebody else answered, or to another question, is not", async () => {
    const { api } = await startWithCard({}, { CARD_KEYS: `2026:${"s".repeat(32)}` });
    const keys = await keysOf(api);
    const other = await startWithCard({}, { SECRET_KEY: "the secret key of another platform!" });

    expect((await validate(api.address, keys, SHOWN)).code).toBe("VALID");
    expect((await validate(api.address, keys, { ...SHOWN, code: "VIP-NONE" })).code).toBe(
      "NOT_FOUND",
    );

    const forged = /is not the platform's|is not among those/;
    await expect(validate(other.api.address, keys, SHOWN)).rejects.toThrow(forged);
    const keysOfBoth = {
      keys: (await keysOf(other.api)).keys.map((key) => ({ ...key, kid: "2026" })),
    };
    await expect(validate(api.address, keysOfBoth, SHOWN)).rejects.toThrow(forged);
  });
});

describe("GET /.well-known/card-keys.json", () => {
  test("lists the keys that may have signed, the newest first, for some minutes", async () => {
    const { api } = await startWithCard({}, { CARD_KEYS: `2026:${"s".repeat(32)}` });

    const { status, headers, body } = await api.call(NOBODY, "GET", "/.well-known/card-keys.json");

    expect(status).toBe(200);
    expect(headers.get("Cache-Control")).toBe("public, max-age=300");
    expect((body.keys as { kid: string }[]).map(({ kid }) => kid)).toEqual(["2026", "own"]);
    expect(JSON.stringify(body)).not.toContain('"d"');
  });
});

describe("POST /api/licence", () => {
  test("activates a card and certifies it for its machine and product, with an end of its own", async () => {
    const { api, card } = await startWithYear();

    const { status, body } = await licence(api, { ...SHOWN, product: "editor" });

    expect([status, body.code]).toEqual([200, "VALID"]);
    const { keys } = await keysOf(api);
    const { kid } = decodeProtectedHeader(body.licence as string);
    const key = await importJWK({ ...keys.find((one) => one.kid === kid) }, "EdDSA");
    const { payload } = await jwtVerify(body.licence as string, key, { typ: "card-licence+jwt" });
    expect(payload).toMatchObject({
      sub: card.id,
      machine_code: "PC-1",
      product: "editor",
      entitlements: [],
    });
    expect(payload.exp! - payload.iat!).toBe(3 * DAY_SECONDS);
    expect(JSON.stringify(payload)).not.toContain("DEMO");
    expect((await ask(api, { ...SHOWN, machine_code: "PC-2" })).body.code).toBe("MACHINE_MISMATCH");
  });

  test("never reaches beyond the card's end", async () => {
    const { api } = await startWithCard();

    const { body } = await licence(api, SHOWN);

    expect(body.licence_expire_at).toBe(body.expire_at);
  });

  test("is refused like the card, and guesses count", async () => {
    const { api } = await startWithCard({ state: "banned" }, { LIMIT_CARD_GUESS: "2/60" });
    const guess = () => licence(api, { ...SHOWN, code: "VIP-NONE" });

    expect((await licence(api, SHOWN)).body.code).toBe("BANNED");
    expect([(await guess()).status, (await guess()).status]).toEqual([404, 404]);
    const { status, headers, body } = await licence(api, SHOWN);

    expect([status, body.code, headers.get("Retry-After")]).toEqual([
      429,
      "TOO_MANY_GUESSES",
      "30",
    ]);
    expect((await api.call(NOBODY, "POST", "/api/licence", { json: {} })).body).toMatchObject({
      status: "error",
      message: "无效的JSON数据",
    });
  });
});

const licence = (api: StartedApi, json: object) =>
  api.call(NOBODY, "POST", "/api/licence", { json });

/** A card of the product `editor` that lasts a year. */
async function startWithYear() {
  const started = await startWithCard();
  const { id: productId } = await makeProduct("editor");
  const { id: policyId } = await makePolicy({ termSeconds: 365 * DAY_SECONDS });
  await started.card.update({ productId, policyId });
  return started;
}
