import { expect, test, vi } from "vitest";
import { rememberKeys } from "../../api/key-memory.ts";
import type { Authenticate } from "../../api/middleware/sign-in.ts";
import { refusal } from "../../domain/errors.ts";
import { openLocalBus } from "../../platform/bus.ts";
import { ADMIN } from "../support/api.ts";

const NO_PARENT = { on: () => undefined, off: () => undefined };
const ADDRESS = "127.0.0.1";

function remembering() {
  const bus = openLocalBus(NO_PARENT);
  const look = vi.fn<Authenticate>(async () => ADMIN);
  return { bus, look, authenticate: rememberKeys(look, bus) };
}

test("a key is looked up once in half a second", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const { look, authenticate } = remembering();

  for (let call = 0; call < 3; call++) await authenticate({ apiKey: "a" }, ADDRESS);
  await authenticate({ apiKey: "b" }, ADDRESS);
  expect(look).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(501);
  await authenticate({ apiKey: "a" }, ADDRESS);

  expect(look).toHaveBeenCalledTimes(3);
  vi.useRealTimers();
});

test.each(["accounts.keys-changed", "accounts.rights-changed"] as const)(
  "a key is forgotten at once on %s, here or in another process",
  async (type) => {
    const { bus, look, authenticate } = remembering();
    await authenticate({ apiKey: "a" }, ADDRESS);

    await bus.announce({ type, data: {} });
    look.mockRejectedValue(refusal("accounts/api-key-invalid", "Invalid API Key"));

    await expect(authenticate({ apiKey: "a" }, ADDRESS)).rejects.toThrow("Invalid API Key");
  },
);

test("tokens of people, and keys that are no good, are looked up each time", async () => {
  const { look, authenticate } = remembering();

  await authenticate({ bearer: "token" }, ADDRESS);
  await authenticate({ bearer: "token" }, ADDRESS);
  look.mockRejectedValue(refusal("accounts/api-key-invalid", "Invalid API Key"));
  await expect(authenticate({ apiKey: "c" }, ADDRESS)).rejects.toThrow("Invalid API Key");
  await expect(authenticate({ apiKey: "c" }, ADDRESS)).rejects.toThrow("Invalid API Key");

  expect(look).toHaveBeenCalledTimes(4);
});

test("a crowd that comes with one key waits for one look-up", async () => {
  const { look, authenticate } = remembering();

  const crowd = await Promise.all(
    [1, 2, 3].map(async () => authenticate({ apiKey: "a" }, ADDRESS)),
  );

  expect(crowd).toEqual([ADMIN, ADMIN, ADMIN]);
  expect(look).toHaveBeenCalledTimes(1);
});

test("a look-up that began before a key was ended says nothing to those who come after it", async () => {
  const { bus, look, authenticate } = remembering();
  const before = authenticate({ apiKey: "a" }, ADDRESS);

  await bus.announce({ type: "accounts.keys-changed", data: {} });
  look.mockRejectedValue(refusal("accounts/api-key-invalid", "Invalid API Key"));

  await expect(authenticate({ apiKey: "a" }, ADDRESS)).rejects.toThrow("Invalid API Key");
  expect(await before).toEqual(ADMIN);
});
