import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { expect, test } from "vitest";
import { createAccountActivities } from "../../activities/accounts/index.ts";
import { makeCode } from "../../api/policies/accounts/codes.ts";
import { workflowId } from "../../domain/ids.ts";
import { QUEUES } from "../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../domain/search-attributes.ts";
import { orderCode } from "../../models/accounts.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { deriveKey, unseal } from "../../platform/crypto.ts";
import type { CodeMessage } from "../../platform/messages/index.ts";
import { startRelay } from "../../workers/relay.ts";
import { codeDelivery, invitationDelivery } from "../../workflows/accounts.ts";
import { openTestDatabase } from "../support/database.ts";
import { fakeAccounts } from "../support/fakes/account-activities.ts";
import { withWorkers } from "../support/temporal.ts";
import { until } from "../support/until.ts";

const ALL = Object.values(QUEUES);
const NO_PARENT = { on: () => undefined, off: () => undefined };
const secretKey = "a secret key for tests, long enough";

test("a code goes from its row through the outbox to a person, and its history holds neither digits nor number", async () => {
  const database = await openTestDatabase();
  const key = deriveKey(secretKey, "columns");
  const messages: CodeMessage[] = [];
  let failures = 1;
  const activities = createAccountActivities({
    database,
    sendMessage: async (given) => {
      const message = given as CodeMessage;
      messages.push(message);
      if (failures-- > 0) throw new Error(`no answer to ${message.digits}`);
    },
    unseal: (sealed, place) => unseal(key, sealed, place),
  });
  await withWorkers(ALL, activities, async ({ client }) => {
    const stop = startRelay({
      database,
      temporal: client,
      bus: openLocalBus(NO_PARENT),
      log: pino({ level: "silent" }),
      fault: () => undefined,
    });
    try {
      const code = makeCode({ secretKey }, { channel: "phone", address: "13800138000" });
      await orderCode(database, code, { actor: null, address: "127.0.0.1", requestId: "r" });
      await until(() => messages.length === 2);
      const handle = client.workflow.getHandle(workflowId("code", code.id));
      await handle.result();

      const [first, second] = messages;
      expect(first).toEqual(second);
      const history = JSON.stringify(await handle.fetchHistory(), (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString() : value,
      );
      expect(history).toContain(code.id);
      expect(history).not.toContain(first!.digits);
      expect(history).not.toContain("13800138000");
    } finally {
      await stop();
    }
  });
});

test.each([
  ["refused", { outcome: "refused", reason: "isv.MOBILE_NUMBER_ILLEGAL" } as const],
  ["failed", "connect ECONNREFUSED"],
])("a code that cannot be sent ends as %s, and says why", async (stage, answer) => {
  await withWorkers(ALL, fakeAccounts(answer), async ({ client }) => {
    const handle = await client.workflow.start(codeDelivery, {
      taskQueue: QUEUES.orchestrator,
      workflowId: workflowId("code", randomUUID()),
      args: [{ codeId: "c" }],
    });
    await handle.result();

    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(SEARCH_ATTRIBUTES.stage)).toBe(stage);
    expect(typedSearchAttributes.get(SEARCH_ATTRIBUTES.errorType)).toBe(
      typeof answer === "string" ? answer : answer.reason,
    );
  });
});

test("an invitation that was mailed ends as sent", async () => {
  const activities = fakeAccounts({ outcome: "sent" });
  await withWorkers(ALL, activities, async ({ client }) => {
    const handle = await client.workflow.start(invitationDelivery, {
      taskQueue: QUEUES.orchestrator,
      workflowId: workflowId("invitation", randomUUID()),
      args: [{ invitationId: "i" }],
    });
    await handle.result();

    const { typedSearchAttributes } = await handle.describe();
    expect(typedSearchAttributes.get(SEARCH_ATTRIBUTES.stage)).toBe("sent");
  });
});
