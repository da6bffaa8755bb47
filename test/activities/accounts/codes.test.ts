import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, test } from "vitest";
import { type SendResult, createAccountActivities } from "../../../activities/accounts/index.ts";
import { makeCode } from "../../../api/policies/accounts/codes.ts";
import { orderCode, VerificationCode } from "../../../models/accounts.ts";
import { deriveKey, unseal } from "../../../platform/crypto.ts";
import { type CodeMessage, MessageRefused, type Send } from "../../../platform/messages/index.ts";
import { openTestDatabase } from "../../support/database.ts";

const secretKey = "a secret key for tests, long enough";
const PHONE = "13800138000";

/** A stored code, and its activity with something in the provider's place. */
async function openScene(provider: (message: CodeMessage) => Promise<void> = async () => {}) {
  const database = await openTestDatabase();
  const code = makeCode({ secretKey }, { channel: "phone", address: PHONE });
  await orderCode(database, code, { actor: null, address: "127.0.0.1", requestId: "r" });
  const messages: CodeMessage[] = [];
  const sendMessage: Send = async (given) => {
    const message = given as CodeMessage;
    messages.push(message);
    await provider(message);
  };
  const key = deriveKey(secretKey, "columns");
  const { sendCode } = createAccountActivities({
    database,
    sendMessage,
    unseal: (sealed, place) => unseal(key, sealed, place),
  });
  const send = (codeId = code.id): Promise<SendResult> =>
    new MockActivityEnvironment().run(sendCode, { codeId }) as Promise<SendResult>;
  return { code, messages, send };
}

describe("sending a code", () => {
  test("takes its digits to its address, and forgets them", async () => {
    const { code, messages, send } = await openScene();

    expect(await send()).toEqual({ outcome: "sent" });

    expect(messages).toEqual([
      { channel: "phone", address: PHONE, digits: expect.stringMatching(/^\d{6}$/), minutes: 30 },
    ]);
    const row = await VerificationCode.findByPk(code.id, { rejectOnEmpty: true });
    expect(row.sealed).toBeNull();
    expect(row.sentAt).toBeInstanceOf(Date);
  });

  test("twice sends once; after a failure the same digits go out", async () => {
    let failures = 1;
    const { messages, send } = await openScene(async () => {
      if (failures-- > 0) throw new Error("connect ECONNREFUSED");
    });

    await expect(send()).rejects.toThrow("ECONNREFUSED");
    expect(await send()).toEqual({ outcome: "sent" });
    expect(await send()).toEqual({ outcome: "over" });

    expect(messages).toHaveLength(2);
    expect(messages[0]!.digits).toBe(messages[1]!.digits);
  });

  test("says why a provider refuses, without the digits that it quotes", async () => {
    const { messages, send } = await openScene(async ({ digits }) => {
      throw new MessageRefused(`the template has no {"code":"${digits}"}`);
    });

    const { outcome, reason } = await send();

    expect(outcome).toBe("refused");
    expect(reason).toBe('the template has no {"code":"******"}');
    expect(reason).not.toContain(messages[0]!.digits);
  });

  test("keeps digits out of every failure, so that no history holds them", async () => {
    const { messages, send } = await openScene(async ({ digits }) => {
      throw new Error(`POST /?code=${digits} timed out`, { cause: new Error(digits) });
    });

    const failure = await send().catch((error: unknown) => error);

    expect(failure).toMatchObject({ message: "POST /?code=****** timed out" });
    expect((failure as Error).cause).toBeUndefined();
    expect((failure as Error).stack).not.toContain(messages[0]!.digits);
  });

  test("is over when the code has ended, was replaced, or never was", async () => {
    const { code, messages, send } = await openScene();
    await VerificationCode.update({ expiresAt: new Date() }, { where: { id: code.id } });

    expect(await send()).toEqual({ outcome: "over" });
    expect(await send("00000000-0000-0000-0000-000000000000")).toEqual({ outcome: "over" });
    expect(messages).toEqual([]);
  });
});
