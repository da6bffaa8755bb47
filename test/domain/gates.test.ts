import { expect, test } from "vitest";
import { closingSeconds, gatesTo, judgeGate } from "../../domain/gates.ts";

const NOW = 1_000_000;
const OPEN = {
  places: 2,
  rate: { points: 3, seconds: 60 },
  closedUntil: 0,
  strikes: 0,
  inside: 0,
  ahead: 0,
  waitsSince: NOW,
  usedUntil: 0,
};

test("a host has a gate, and its platform one of its own", () => {
  expect(gatesTo("Example.com", "generic")).toEqual(["host:example.com"]);
  expect(gatesTo("example.com.", "generic")).toEqual(["host:example.com"]);
  expect(gatesTo("youtu.be", "youtube")).toEqual(["host:youtu.be", "platform:youtube"]);
});

test("a gate is passed as often as its rate says, then once for each part of its time", () => {
  let usedUntil = 0;
  const verdicts = Array.from({ length: 4 }, () => {
    const verdict = judgeGate({ ...OPEN, usedUntil }, NOW);
    if (verdict.may) ({ usedUntil } = verdict);
    return verdict;
  });

  expect(verdicts.map(({ may }) => may)).toEqual([true, true, true, false]);
  expect(verdicts[3]).toEqual({ may: false, why: "rate", until: NOW + 20_000 });
  expect(judgeGate({ ...OPEN, usedUntil }, NOW + 20_000).may).toBe(true);
});

test("nobody passes those who have waited for longer, and one alone looks after a closing", () => {
  expect(judgeGate({ ...OPEN, inside: 2 }, NOW)).toMatchObject({ may: false, why: "full" });
  expect(judgeGate({ ...OPEN, inside: 1, ahead: 1 }, NOW)).toMatchObject({ why: "full" });
  expect(judgeGate({ ...OPEN, closedUntil: NOW + 5 }, NOW)).toEqual({
    may: false,
    why: "closed",
    until: NOW + 5,
  });
  expect(judgeGate({ ...OPEN, strikes: 1, inside: 1 }, NOW)).toMatchObject({ why: "full" });
  expect(judgeGate({ ...OPEN, strikes: 1 }, NOW).may).toBe(true);
});

test("whoever waits for a place looks again, less often the longer they have waited", () => {
  const look = (waitedSeconds: number) => {
    const waitsSince = NOW - waitedSeconds * 1000;
    const verdict = judgeGate({ ...OPEN, inside: 2, waitsSince }, NOW);
    return verdict.may ? undefined : (verdict.until - NOW) / 1000;
  };

  expect([0, 30, 60, 120, 400, 86_400].map(look)).toEqual([30, 30, 60, 120, 300, 300]);
});

test("a gate is closed for as long as its host says, or longer each time when it says nothing", () => {
  expect([0, 1, 2, 60].map((strikes) => closingSeconds(strikes))).toEqual([60, 120, 240, 21_600]);
  expect([closingSeconds(3, 7), closingSeconds(0, 0), closingSeconds(0, 1e9)]).toEqual([
    7, 1, 21_600,
  ]);
});
