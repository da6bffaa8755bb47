import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { MessageSettings } from "../../platform/env-messages.ts";
import {
  type CodeMessage,
  type Message,
  MessageRefused,
  openMessages,
} from "../../platform/messages/index.ts";
import { startAliyunSms } from "../support/stand-ins/aliyun-sms.ts";
import { startMailServer } from "../support/stand-ins/mail-server.ts";

const NOTHING: MessageSettings = { sms: undefined, mail: undefined, development: false };
const URL = "https://longhaul.example";
const FROM = "长途 Longhaul <codes@longhaul.example>";
const sms: CodeMessage = {
  channel: "phone",
  address: "13800138000",
  digits: "012345",
  minutes: 30,
};
const mail: CodeMessage = { ...sms, channel: "email", address: "ann@example.com" };

async function open(given: Partial<MessageSettings>) {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-messages-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { send, close } = await openMessages({ ...NOTHING, ...given }, folder, URL);
  onTestFinished(close);
  const attempt = (message: Message, signal = new AbortController().signal) =>
    send(message, signal);
  return { attempt, folder };
}

describe("an SMS through Aliyun", () => {
  test("is signed so that the service takes it", async () => {
    const aliyun = await startAliyunSms();
    const { attempt } = await open({ sms: aliyun.settings });

    await attempt(sms);
    await attempt(sms);

    const { signName, template } = aliyun.settings;
    const parameters = { code: "012345" };
    const one = { phone: "13800138000", signName, template, parameters };
    expect(aliyun.sent).toEqual([one, one]);
  });

  test("with a wrong secret, signature or template is refused for good, and the reason says which", async () => {
    const aliyun = await startAliyunSms();
    const cases = [
      [{ accessKeySecret: "another" }, /SignatureDoesNotMatch/],
      [{ accessKeyId: "another" }, /InvalidAccessKeyId/],
      [{ signName: "another" }, /isv\.SMS_SIGNATURE_ILLEGAL/],
      [{ template: "SMS_1" }, /isv\.SMS_TEMPLATE_ILLEGAL/],
    ] as const;

    for (const [change, reason] of cases) {
      const { attempt } = await open({ sms: { ...aliyun.settings, ...change } });
      const sending = attempt(sms);
      await expect(sending).rejects.toThrow(MessageRefused);
      await expect(sending).rejects.toThrow(reason);
    }
    expect(aliyun.sent).toEqual([]);
  });

  test("may succeed later when the service has trouble, or too much to do", async () => {
    const aliyun = await startAliyunSms();
    const { attempt } = await open({ sms: aliyun.settings });
    const passing = [
      [500, "InternalError"],
      [503, "ServiceUnavailable"],
      [200, "isp.SYSTEM_ERROR"],
      [200, "isv.BUSINESS_LIMIT_CONTROL"],
    ] as const;

    for (const [status, code] of passing) {
      aliyun.instead(1, status, code);
      const failure: unknown = await attempt(sms).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(MessageRefused);
    }
    await attempt(sms);
    expect(aliyun.sent).toHaveLength(1);
  });
});

describe("a mail by SMTP", () => {
  test("goes from the configured sender to its one recipient, in both languages", async () => {
    const server = await startMailServer();
    const { attempt } = await open({ mail: { url: server.url, from: FROM } });

    await attempt(mail);

    expect(server.mails).toMatchObject([
      { from: "codes@longhaul.example", to: ["ann@example.com"] },
    ]);
    const [, body = ""] = server.mails[0]!.source.split("\r\n\r\n");
    const text = Buffer.from(body, "base64").toString();
    expect(text).toContain("012345");
    expect(text).toContain("30 分钟");
    expect(text).toContain("30 minutes");
  });

  test("invites to a team, whose name stands in one line of the text alone", async () => {
    const server = await startMailServer();
    const { attempt, folder } = await open({ mail: { url: server.url, from: FROM } });
    const invitation = { channel: "email", address: "ann@example.com", days: 14 } as const;

    await attempt({ ...invitation, team: "Comets\r\nBcc: eve@example.com", from: "boss" });
    const { attempt: write, folder: other } = await open({ development: true });
    await write({ ...invitation, team: "Comets", from: "boss" });

    const [mail] = server.mails;
    expect(mail!.to).toEqual(["ann@example.com"]);
    const [head = "", body = ""] = mail!.source.split("\r\n\r\n");
    expect(head).not.toContain("Comets");
    const text = Buffer.from(body, "base64").toString();
    expect(text).toContain('boss invites you to the team "Comets Bcc: eve@example.com".');
    expect(text).toContain(`${URL} 并接受邀请，14 天内有效`);
    expect(JSON.parse(await readFile(join(other, "dev-messages.jsonl"), "utf8"))).toMatchObject({
      to: "ann@example.com",
      team: "Comets",
      invited_by: "boss",
    });
    expect(other).not.toBe(folder);
  });

  test("does not let an address name further recipients", async () => {
    const server = await startMailServer();
    const { attempt } = await open({ mail: { url: server.url, from: FROM } });

    await attempt({ ...mail, address: "ann@example.com, eve@example.com" }).catch(() => undefined);

    expect(server.mails.flatMap(({ to }) => to)).not.toContain("eve@example.com");
  });

  test("to a mailbox that does not exist is refused for good; one that is full may be tried again", async () => {
    const server = await startMailServer();
    const { attempt } = await open({ mail: { url: server.url, from: FROM } });

    server.refuse = 550;
    await expect(attempt(mail)).rejects.toThrow(MessageRefused);
    server.refuse = 452;
    const failure: unknown = await attempt(mail).catch((error: unknown) => error);

    expect(failure).not.toBeInstanceOf(MessageRefused);
    expect(server.mails).toEqual([]);
  });

  test("with a wrong password may be tried again, when the password was put right", async () => {
    const server = await startMailServer();
    const url = server.url.replace("p%40ss", "other");
    const { attempt } = await open({ mail: { url, from: FROM } });

    const failure: unknown = await attempt(mail).catch((error: unknown) => error);

    expect(failure).toMatchObject({ responseCode: 535 });
    expect(failure).not.toBeInstanceOf(MessageRefused);
  });
});

describe("without a provider", () => {
  test("messages are written to a file for developers where that is wanted", async () => {
    const { attempt, folder } = await open({ development: true });

    await attempt(sms);
    await attempt(mail);

    const file = join(folder, "dev-messages.jsonl");
    const lines = (await readFile(file, "utf8")).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { channel: "phone", to: "13800138000", code: "012345" },
      { channel: "email", to: "ann@example.com", code: "012345" },
    ]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("and else sending one fails: it should not have been promised", async () => {
    const { attempt } = await open({});

    await expect(attempt(sms)).rejects.toThrow("no provider is configured for phone messages");
  });
});
