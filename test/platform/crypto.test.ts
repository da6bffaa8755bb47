import { describe, expect, test } from "vitest";
import {
  deriveKey,
  type LinkTerms,
  makeSecret,
  newId,
  sameDigest,
  seal,
  secretPrefix,
  sha256,
  signLink,
  unseal,
  verifyLink,
} from "../../platform/crypto.ts";

const SECRET_KEY = "a secret key for tests, long enough";

describe("an id", () => {
  test("is a UUID version 7, and later ones sort after earlier ones", () => {
    const ids = Array.from({ length: 1000 }, newId);

    expect(new Set(ids).size).toBe(1000);
    expect(ids.toSorted()).toEqual(ids);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("a derived key", () => {
  test("is the same for the same purpose, and says nothing of another one", () => {
    const key = deriveKey(SECRET_KEY, "links");

    expect(key).toHaveLength(32);
    expect(deriveKey(SECRET_KEY, "links")).toEqual(key);
    expect(deriveKey(SECRET_KEY, "columns")).not.toEqual(key);
    expect(deriveKey(`${SECRET_KEY}.`, "links")).not.toEqual(key);
  });
});

describe("a secret", () => {
  test("tells its kind and its prefix, and only its digest needs to be kept", () => {
    const { secret, prefix, lastFour, hash } = makeSecret("key");

    expect(secret).toMatch(/^lh_key_[0-9a-f]{16}_[\w-]{43}$/);
    expect(secretPrefix("key", secret)).toBe(prefix);
    expect(secret.endsWith(lastFour)).toBe(true);
    expect(hash).toBe(sha256(secret));
    expect(makeSecret("key").secret).not.toBe(secret);
  });

  test("is not found in a text of another kind or shape", () => {
    const { secret } = makeSecret("refresh");

    for (const text of [
      "",
      "lh_key_",
      `${secret}x`,
      secret.slice(1),
      ` ${secret}`,
      `${secret}\n`,
    ]) {
      expect(secretPrefix("refresh", text), text).toBeUndefined();
    }
    expect(secretPrefix("key", secret)).toBeUndefined();
  });

  test("digests are the same only when every bit is", () => {
    const digest = sha256("a");

    expect(sameDigest(digest, sha256("a"))).toBe(true);
    for (const other of [sha256("b"), digest.slice(2), "", "zz"]) {
      expect(sameDigest(digest, other)).toBe(false);
    }
    expect(sameDigest("", "")).toBe(false);
  });
});

describe("a signed link", () => {
  const key = deriveKey(SECRET_KEY, "links");
  const terms: LinkTerms = {
    method: "GET",
    path: "/files/名",
    expiresAt: 1000,
    claims: { key: "k", version: "1" },
  };
  const signature = signLink(key, terms);

  test("is good until its time, whatever the order of its claims", () => {
    const turned = { ...terms, claims: { version: "1", key: "k" } };

    expect(verifyLink(key, turned, signature, 999_999)).toBe("good");
    expect(verifyLink(key, turned, signature, 1_000_000)).toBe("expired");
  });

  test("is forged when a word of it was changed, and that is told before its age", () => {
    const changed: LinkTerms[] = [
      { ...terms, method: "PUT" },
      { ...terms, path: "/files/名/" },
      { ...terms, expiresAt: 1001 },
      { ...terms, claims: { key: "k" } },
      { ...terms, claims: { key: "k1", version: "" } },
      { ...terms, claims: { key: "k", version: "1", more: "" } },
    ];

    for (const other of changed) {
      expect(verifyLink(key, other, signature, 0), JSON.stringify(other)).toBe("forged");
    }
    const otherKey = deriveKey("another secret key for tests", "links");
    expect(verifyLink(otherKey, terms, signature, 0)).toBe("forged");
    for (const other of [
      "",
      signature.slice(1),
      `${signature}A`,
      `${signature}=`,
      ` ${signature}`,
    ]) {
      expect(verifyLink(key, terms, other, 2_000_000), other).toBe("forged");
    }
  });
});

describe("a sealed column", () => {
  const key = deriveKey(SECRET_KEY, "columns");

  test("opens where it was sealed, and looks different every time", () => {
    const sealed = seal(key, "密码 secret", "proxies.password/1");

    expect(unseal(key, sealed, "proxies.password/1")).toBe("密码 secret");
    expect(seal(key, "密码 secret", "proxies.password/1")).not.toBe(sealed);
    expect(sealed).not.toContain("secret");
    expect(unseal(key, seal(key, "", "a"), "a")).toBe("");
  });

  test("does not open elsewhere, with another key, or when a bit was changed", () => {
    const sealed = seal(key, "secret", "a/1");
    const parts = sealed.split(".");
    const flipped = parts.map((part, at) =>
      [...parts.slice(0, at), part.startsWith("A") ? `B${part.slice(1)}` : `A${part.slice(1)}`]
        .concat(parts.slice(at + 1))
        .join("."),
    );

    expect(() => unseal(key, sealed, "a/2")).toThrow(/authenticate/);
    expect(() => unseal(deriveKey(SECRET_KEY, "links"), sealed, "a/1")).toThrow(/authenticate/);
    for (const other of [...flipped, "", "v1", "v1..."]) {
      expect(() => unseal(key, other, "a/1"), other).toThrow(/authenticate|cannot be read/);
    }
  });
});
