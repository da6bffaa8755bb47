import { pino } from "pino";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Guesser, openGuessGuard } from "../../api/guess-guard.ts";
import { refusal, refusalIn } from "../../domain/errors.ts";
import { type Bus, openLocalBus } from "../../platform/bus.ts";
import { type Limiter, openLimiter } from "../../platform/limiter.ts";

const NO_PARENT = { on: () => undefined, off: () => undefined };
const BUYER: Guesser = { address: "192.0.2.9", machine: "PC-9" };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A guard that lets three guesses in 60 s through; it knows one card. */
function openGuard(given: { limiter?: Limiter; bus?: Bus } = {}) {
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>);
  const guard = openGuessGuard({
    limiter: openLimiter(),
    bus: openLocalBus(NO_PARENT),
    log: pino({}, { write }),
    metrics: new Registry(),
    rate: { points: 3, seconds: 60 },
    ...given,
  });
  const find = vi.fn(async (code: string) => (code === "VIP-RIGHT" ? "the card" : undefined));
  const unknown = () => refusal("request/not-found", "卡密不存在");
  /** What is answered to a code: `found`, `unknown`, or for how many seconds nothing is. */
  const show = async (code: string, guesser: Guesser): Promise<string | number> => {
    try {
      await guard.lookUp(
        guesser,
        code,
        async (whenFound) => {
          const found = await find(code);
          if (found) whenFound();
          return found;
        },
        unknown,
      );
      return "found";
    } catch (error) {
      const { code: said, extras } = refusalIn(error)!;
      if (said === "request/not-found") return "unknown";
      return said === "cards/too-many-guesses" ? Number(extras.headers!["Retry-After"]) : said;
    }
  };
  const guess = (guesser: Guesser) => show("VIP-WRONG", guesser);
  return { show, guess, find, logged };
}

test("a code that is right never counts, however often it is shown", async () => {
  const { show } = openGuard();

  for (let time = 0; time < 20; time++) expect(await show("VIP-RIGHT", BUYER)).toBe("found");
});

test("whoever has guessed too often is refused at once, whatever is shown, for 30 s and each time for twice as long", async () => {
  const { show, guess, find } = openGuard();
  const thief = { address: "192.0.2.1" };

  expect([await guess(thief), await guess(thief), await guess(thief)]).toEqual(
    Array.from({ length: 3 }, () => "unknown"),
  );
  find.mockClear();
  expect(await show("VIP-RIGHT", thief)).toBe(30);
  expect(find).not.toHaveBeenCalled();
  expect(await show("VIP-RIGHT", BUYER)).toBe("found");

  const blocks: (string | number)[] = [];
  for (let block = 0, seconds = 30; block < 9; block++) {
    vi.advanceTimersByTime(seconds * 1000 - 1);
    expect(await guess(thief)).toBe(1);
    vi.advanceTimersByTime(1);
    while ((await guess(thief)) === "unknown") continue;
    blocks.push((seconds = Number(await guess(thief))));
  }
  expect(blocks).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
});

test("a machine is known from whatever address it guesses, and an IPv6 network by all of its addresses", async () => {
  const { guess } = openGuard();

  for (const host of [1, 2, 3]) await guess({ address: `192.0.2.${host}`, machine: "PC-1" });
  expect(await guess({ address: "192.0.2.4", machine: "PC-1" })).toBe(30);
  expect(await guess({ address: "192.0.2.4", machine: "PC-2" })).toBe("unknown");

  for (const host of [1, 2, 3]) await guess({ address: `2001:db8::${host}` });
  expect(await guess({ address: "2001:db8::4" })).toBe(30);
});

test("what a guesser has in flight when the block comes is refused, a code that is right as well", async () => {
  const { show, find } = openGuard();
  const thief = { address: "192.0.2.1" };
  let answer = () => {};
  find.mockImplementationOnce(async () => {
    await new Promise<void>((done) => (answer = done));
    return "the card";
  });

  const late = show("VIP-RIGHT", thief);
  for (let time = 0; time < 3; time++) await show("VIP-WRONG", thief);
  answer();

  expect(await late).toBe(30);
});

test("a block is known in all processes, and each begins where the last one of any of them ended", async () => {
  const shared = { limiter: openLimiter(), bus: openLocalBus(NO_PARENT) };
  const [one, other] = [openGuard(shared), openGuard(shared)];
  const thief = { address: "192.0.2.1" };

  await one.guess(thief);
  await other.guess(thief);
  await one.guess(thief);

  expect(await other.show("VIP-RIGHT", thief)).toBe(30);
});

test("a prefix that is guessed at from many places is told of once in a while, and stays open", async () => {
  const { show, logged } = openGuard();

  for (let host = 1; host <= 100; host++) await show("vip-WRONG", { address: `192.0.2.${host}` });

  expect(logged).toHaveLength(1);
  expect(logged[0]).toMatchObject({ level: 40, prefix: "VIP", guesses: 30 });
  expect(await show("VIP-RIGHT", { address: "198.51.100.1" })).toBe("found");
});

test("cards are found while guesses cannot be counted, and the log says so", async () => {
  const away = () => Promise.reject(new Error("no limiter today"));
  const { show, guess, logged } = openGuard({ limiter: { take: away, peek: away, reset: away } });

  expect(await guess(BUYER)).toBe("unknown");
  expect(await show("VIP-RIGHT", BUYER)).toBe("found");
  expect(JSON.stringify(logged)).toContain("no limiter today");
});
