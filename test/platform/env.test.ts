import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { BadConfiguration, readEnv, VARIABLE_NAMES } from "../../platform/env.ts";

/** Everything that is wrong with these variables. */
function faultsOf(variables: Record<string, string>): string[] {
  try {
    readEnv(variables);
    return [];
  } catch (error) {
    if (error instanceof BadConfiguration) return error.faults;
    throw error;
  }
}

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-env-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "secret");
  await writeFile(file, text);
  return file;
}

const S3 = { S3_BUCKET: "longhaul", S3_ACCESS_KEY_ID: "id", S3_SECRET_ACCESS_KEY: "key" };

describe("the configuration", () => {
  test("needs no variable, and an empty one counts as not given", () => {
    const empty = readEnv({ PORT: "", HOST: "", DATABASE_URL: "", LIMIT_SIGN_IN: "" });

    expect(empty).toEqual(readEnv({}));
    expect(empty).toMatchObject({ PORT: 3000, HOST: "127.0.0.1", s3: undefined });
    expect(empty.LIMIT_SIGN_IN).toEqual({ points: 5, seconds: 60 });
  });

  test("is refused with all that is wrong, not only the first", () => {
    const faults = faultsOf({ PORT: "abc", LOG_LEVEL: "loud", S3_ENDPOINT: "http://s3" });

    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "PORT",
      "LOG_LEVEL",
      "S3_BUCKET",
      "S3_ACCESS_KEY_ID",
      "S3_SECRET_ACCESS_KEY",
    ]);
  });

  test.each([
    ["PORT", " "],
    ["PORT", "65536"],
    ["PUBLIC_URL", "ftp://files.example"],
    ["PUBLIC_URL", "https://files.example/?page=1"],
    ["CORS_ORIGINS", "https://console.example/"],
    ["TEMPORAL_ADDRESS", "http://temporal:7233"],
    ["TEMPORAL_ADDRESS", "temporal"],
    ["TEMPORAL_NAMESPACE", "a b"],
    ["CARD_KEYS", "2026:short"],
    ["CARD_KEYS", `own:${"x".repeat(32)}`],
    ["CARD_KEYS", `a:${"x".repeat(32)},a:${"y".repeat(32)}`],
    ["DATABASE_URL", "postgres://server/database"],
    ["DATABASE_URL", "mysql://user:password@server"],
    ["DATABASE_URL", "mysql://user:pass/word@server/database"],
    ["REDIS_URL", "redis://:pass/word@server:x"],
    ["LIMIT_SIGN_IN", "5/0"],
    ["LIMIT_SIGN_IN", "0/60"],
    ["ACCESS_TTL", "0"],
    ["CARD_RESULTS", "5m"],
    ["HARDEN_COMMAND", '["protect"]'],
    ["CLOUDFLARE_API_URL", "api.cloudflare.com"],
  ])("refuses %s=%s and says why", (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringContaining(`${name}: must`)]);
  });

  test("knows one edge at a time, and Cloudflare's zone only with its token", () => {
    const zone = { CLOUDFLARE_ZONE_ID: "0123456789abcdef0123456789abcdef" };
    const token = { CLOUDFLARE_API_TOKEN: "token" };
    const hook = { PURGE_URL: "https://edge.example/purge" };

    expect(faultsOf(zone)).toEqual([expect.stringMatching(/^CLOUDFLARE_API_TOKEN: is needed/)]);
    expect(faultsOf(token)).toEqual([expect.stringMatching(/^CLOUDFLARE_ZONE_ID: is needed/)]);
    expect(faultsOf({ ...zone, ...token, ...hook })).toEqual([
      expect.stringMatching(/^PURGE_URL: must not/),
    ]);
    expect(readEnv({}).edge).toBeUndefined();
    expect(readEnv(hook).edge).toEqual({ kind: "hook", url: hook.PURGE_URL });
    expect(readEnv({ ...zone, ...token }).edge).toEqual({
      kind: "cloudflare",
      apiUrl: "https://api.cloudflare.com/client/v4",
      zoneId: zone.CLOUDFLARE_ZONE_ID,
      token: "token",
    });
  });

  test("sends messages only through providers that are wholly configured", () => {
    const aliyun = {
      ALIYUN_SMS_ACCESS_KEY_ID: "id",
      ALIYUN_SMS_ACCESS_KEY_SECRET: "hush",
      ALIYUN_SMS_SIGN_NAME: "长途",
      ALIYUN_SMS_TEMPLATE: "SMS_1",
    };
    const smtp = { SMTP_URL: "smtps://mail.example", MAIL_FROM: "Longhaul <a@b.example>" };

    expect(faultsOf({ ...aliyun, ALIYUN_SMS_TEMPLATE: "" })).toEqual([
      expect.stringMatching(/^ALIYUN_SMS_TEMPLATE: is needed/),
    ]);
    expect(faultsOf({ SMTP_URL: smtp.SMTP_URL })).toEqual([
      expect.stringMatching(/^MAIL_FROM: is needed/),
    ]);
    expect(readEnv({ ...aliyun, ...smtp, DEV_MESSAGES: "off" }).messages).toEqual({
      sms: {
        url: "https://dysmsapi.aliyuncs.com",
        accessKeyId: "id",
        accessKeySecret: "hush",
        signName: "长途",
        template: "SMS_1",
      },
      mail: { url: "smtps://mail.example", from: "Longhaul <a@b.example>" },
      development: false,
    });
  });

  test("takes payments only with keys that can sign and verify", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const keys = {
      ALIPAY_PRIVATE_KEY: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
      ALIPAY_PUBLIC_KEY: publicKey.export({ format: "pem", type: "spki" }) as string,
    };

    expect(readEnv({ ALIPAY_APP_ID: "2021", ...keys }).payments.alipay).toMatchObject({
      appId: "2021",
      gatewayUrl: "https://openapi.alipay.com/gateway.do",
    });
    expect(readEnv({}).payments.alipay).toBeUndefined();
    expect(faultsOf({ ALIPAY_APP_ID: "2021", ...keys, ALIPAY_PUBLIC_KEY: "" })).toEqual([
      "ALIPAY_PUBLIC_KEY: is needed with ALIPAY_APP_ID",
    ]);
    expect(faultsOf(keys)).toEqual(["ALIPAY_APP_ID: is needed with ALIPAY_PRIVATE_KEY"]);
    const wrong = { ALIPAY_PRIVATE_KEY: keys.ALIPAY_PUBLIC_KEY, ALIPAY_PUBLIC_KEY: "hush" };
    expect(
      faultsOf({ ALIPAY_APP_ID: "2021", ...wrong }).map((fault) => fault.slice(0, 35)),
    ).toEqual(["ALIPAY_PRIVATE_KEY: must be an RSA ", "ALIPAY_PUBLIC_KEY: must be an RSA p"]);
  });

  test("spells every switch on or off", () => {
    const switches = VARIABLE_NAMES.filter((name) => typeof readEnv({})[name] === "boolean");

    expect(switches).toEqual([
      "DOWNLOAD_BILLING",
      "FOUR_EYES",
      "ADMIN_TOTP_REQUIRED",
      "RECHARGE_DIRECT",
    ]);
    for (const name of [...switches, "DEV_MESSAGES"]) {
      expect(faultsOf({ [name]: "true" })).toEqual([`${name}: must be on or off`]);
    }
  });

  test("writes messages to a file for developers alone, and never in production", () => {
    expect(readEnv({}).messages).toEqual({ sms: undefined, mail: undefined, development: true });
    expect(readEnv({ NODE_ENV: "test" }).messages.development).toBe(false);
    expect(readEnv({ NODE_ENV: "test", DEV_MESSAGES: "on" }).messages.development).toBe(true);
    expect(faultsOf({ NODE_ENV: "production", DEV_MESSAGES: "on" }).join()).toMatch(
      /DEV_MESSAGES: is for developers/,
    );
  });

  test("takes one limit, or several that all hold", () => {
    expect(readEnv({}).LIMIT_SMS_PHONE).toEqual([
      { points: 1, seconds: 60 },
      { points: 5, seconds: 3600 },
    ]);
    expect(readEnv({ LIMIT_SMS_PHONE: "2/30" }).LIMIT_SMS_PHONE).toEqual([
      { points: 2, seconds: 30 },
    ]);
    expect(faultsOf({ LIMIT_SMS_PHONE: "1/60;5/3600" }).join()).toMatch(/LIMIT_SMS_PHONE: must/);
    expect(readEnv({}).LIMIT_ADDRESS).toBeUndefined();
  });

  test("has no way of delivery that its store cannot go", () => {
    const s3 = { ...S3, S3_ENDPOINT: "http://s3" };

    expect(faultsOf({ DELIVERY: "redirect" })).toEqual([expect.stringMatching(/^DELIVERY: /)]);
    expect(faultsOf({ ...s3, DELIVERY: "accel" })).toEqual([expect.stringMatching(/^DELIVERY: /)]);
    expect(readEnv({ DELIVERY: "accel" }).DELIVERY).toBe("accel");
    expect(readEnv({ ...s3, DELIVERY: "redirect" }).s3?.publicUrl).toBe("http://s3");
    expect(
      readEnv({ ...s3, DELIVERY: "redirect", S3_PUBLIC_URL: "https://objects.example" }).s3,
    ).toMatchObject({ endpoint: "http://s3", publicUrl: "https://objects.example" });
  });

  test("never repeats a secret that is wrong", () => {
    const faults = faultsOf({ DATABASE_URL: "mysql://user:hush/hush@server", SECRET_KEY: "hush" });

    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain("hush");
  });

  test("reads a secret from the file that NAME_FILE names", async () => {
    const file = await fileWith("a password in a file\n");

    expect(readEnv({ ADMIN_PASSWORD_FILE: file }).ADMIN_PASSWORD).toBe("a password in a file");
  });

  test("refuses a secret's file that is missing or empty", async () => {
    const empty = await fileWith("\n");

    const faults = faultsOf({ SECRET_KEY_FILE: empty, ADMIN_PASSWORD_FILE: `${empty}.missing` });

    expect(faults).toEqual([
      expect.stringContaining("ADMIN_PASSWORD_FILE: cannot be read"),
      "SECRET_KEY_FILE: the file is empty",
    ]);
  });

  test("in production needs every key, and lets no test end anything", () => {
    expect(faultsOf({ NODE_ENV: "production", FAULT_ORDER: "/tmp/order" })).toEqual([
      "SECRET_KEY: is needed in production",
      "SIGNING_KEYSTORE: is needed in production",
      "SIGNING_KEYSTORE_PASSWORD: is needed in production",
      "FAULT_ORDER: is for tests, never for production",
    ]);
  });

  test.each([
    ["0.0.0.0", "http://127.0.0.1:3000"],
    ["::", "http://127.0.0.1:3000"],
    ["::1", "http://[::1]:3000"],
    ["api.example", "http://api.example:3000"],
  ])("on HOST=%s is reached at %s", (HOST, address) => {
    expect(readEnv({ HOST }).publicUrl).toBe(address);
  });

  test("makes a backend external exactly when its variable is set", () => {
    expect(readEnv(S3).s3).toBeUndefined();
    expect(readEnv({ ...S3, S3_ENDPOINT: "http://s3:8333/" }).s3?.endpoint).toBe("http://s3:8333");
  });
});
