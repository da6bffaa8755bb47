import { MockActivityEnvironment } from "@temporalio/testing";
import { expect, test } from "vitest";
import { createAccountActivities, type SendResult } from "../../../activities/accounts/index.ts";
import { Account, createTeam, inviteToTeam, TeamInvitation } from "../../../models/accounts.ts";
import { newId } from "../../../platform/crypto.ts";
import { type Message, MessageRefused } from "../../../platform/messages/index.ts";
import { openTestDatabase } from "../../support/database.ts";

const place = {
  role: "member",
  canUpload: true,
  canDelete: false,
  canShare: true,
  canManageMembers: false,
} as const;

test("an invitation is mailed while it is open, to an address that is its addressee's", async () => {
  const database = await openTestDatabase();
  const messages: Message[] = [];
  let refused: string | undefined;
  const { sendInvitation } = createAccountActivities({
    database,
    sendMessage: async (message) => {
      messages.push(message);
      if (refused) throw new MessageRefused(refused);
    },
    unseal: (sealed) => sealed,
  });
  const send = (invitationId: string) =>
    new MockActivityEnvironment().run(sendInvitation, { invitationId }) as Promise<SendResult>;
  const make = (username: string, given: Partial<Account> = {}) =>
    Account.create({ id: newId(), username, passwordHash: "h", role: "user", ...given });
  const ann = await make("ann");
  const by = {
    actor: { accountId: ann.id, name: "ann", permissions: [] },
    address: "127.0.0.1",
    requestId: "r",
  };
  const teamId = newId();
  await createTeam(
    database,
    { id: teamId, name: "Comets", description: null, avatar: null, maxMembers: null },
    by,
  );
  const invite = async (invitee: { email: string } | { username: string }) =>
    (await inviteToTeam(database, { id: newId(), teamId, invitee, place, isMailed: true }, by)).id;
  await make("ben", { email: "ben@example.com", emailVerifiedAt: new Date() });
  await make("cat", { email: "cat@example.com" });

  const byMail = await invite({ email: "Dan@example.com" });
  const sent = [await send(byMail), await send(await invite({ username: "ben" }))];
  const unproven = await send(await invite({ username: "cat" }));
  refused = "550 no dan@example.com here";
  const unknown = await send(byMail);
  await TeamInvitation.update({ state: "declined" }, { where: { id: byMail } });
  const over = await send(byMail);

  expect(sent).toEqual([{ outcome: "sent" }, { outcome: "sent" }]);
  const mail = { channel: "email", team: "Comets", from: "ann", days: 14 };
  expect(messages.slice(0, 2)).toEqual([
    { ...mail, address: "dan@example.com" },
    { ...mail, address: "ben@example.com" },
  ]);
  expect([unproven, over]).toEqual([{ outcome: "over" }, { outcome: "over" }]);
  expect(unknown).toEqual({ outcome: "refused", reason: "550 no (address) here" });
});
