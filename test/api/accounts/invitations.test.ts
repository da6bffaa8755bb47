import { expect, test } from "vitest";
import { Account } from "../../../models/accounts.ts";
import { OutboxEntry } from "../../../models/operations.ts";
import { newId } from "../../../platform/crypto.ts";
import { makePerson, startWithAdmin } from "../../support/accounts.ts";

test("an invitation is mailed where the platform mails, to whoever has an address; so often, and no more", async () => {
  const api = await startWithAdmin({ env: { DEV_MESSAGES: "on", LIMIT_INVITATIONS: "4/60" } });
  const anna = await makePerson(api, "user", "anna");
  for (const [username, emailVerifiedAt] of [
    ["ben", new Date()],
    ["cat", null],
  ] as const) {
    const person = { id: newId(), username, passwordHash: "h", role: "user" };
    await Account.create({ ...person, email: `${username}@example.com`, emailVerifiedAt });
  }
  const { id } = (await anna.call("POST", "/api/v1/teams", { name: "Comets" })).body;
  const invite = (json: object) => anna.call("POST", `/api/v1/teams/${id}/invitations`, json);
  const carl = { email: "Carl@Example.com" };

  const [one, two] = [await invite(carl), await invite({ username: "ben" })];
  const again = await invite(carl);
  await invite({ username: "cat" });
  await invite({ username: "cat" });
  const tooMany = await invite({ username: "ben" });

  const mails = await OutboxEntry.findAll({ where: { workflow: "invitationDelivery" } });
  const ids = [one, two].map(({ body }) => ({ invitationId: body.id as string }));
  expect(mails.map(({ input }) => input)).toEqual(ids);
  expect([again.status, tooMany.status]).toEqual([429, 429]);
  expect(JSON.stringify(mails)).not.toContain("carl@");
});

test("an invitation that nobody had the right to send costs nothing of the budgets", async () => {
  const api = await startWithAdmin({ env: { DEV_MESSAGES: "on", LIMIT_INVITATIONS: "1/60" } });
  const [anna, ben] = [await makePerson(api, "user", "anna"), await makePerson(api, "user", "ben")];
  const { id } = (await anna.call("POST", "/api/v1/teams", { name: "Comets" })).body;
  const path = `/api/v1/teams/${id}/invitations`;
  const carl = { email: "carl@example.com" };
  const theirs = (await ben.call("POST", "/api/v1/teams", { name: "Meteors" })).body;

  const strangers = await ben.call("POST", path, carl);
  const owners = await anna.call("POST", path, { ...carl, role: "owner" });

  expect([strangers.status, owners.status]).toEqual([404, 422]);
  const own = await ben.call("POST", `/api/v1/teams/${theirs.id}/invitations`, carl);
  expect(own.status).toBe(201);
});
