import { expect, test } from "vitest";
import { type Ask, askTogether, lookUpTogether } from "../../models/questions.ts";

/** A database with one value, which is read when it is asked and told when the test says so. */
function slowDatabase() {
  const state = { value: 1, asked: 0, isAway: false };
  const waiting: (() => void)[] = [];
  const read = (_: string, [name]: readonly unknown[]) => {
    state.asked++;
    const { value, isAway } = state;
    return new Promise<object[]>((resolve, reject) => {
      waiting.push(() => (isAway ? reject(new Error("away")) : resolve([{ name, value }])));
    });
  };
  const answer = () => waiting.splice(0).forEach((tell) => tell());
  return { state, answer, ask: askTogether(read as Ask) };
}

test("a crowd that asks the same has one answer, read after all of them came", async () => {
  const { state, answer, ask } = slowDatabase();

  const first = ask("value?", ["a"]);
  const crowd = [1, 2, 3].map(() => ask("value?", ["a"]));
  const others = [ask("value?", ["b"]), ask("other?", ["a"]), ask("value?", [null])];
  expect(state.asked).toBe(4);

  state.value = 2;
  answer();
  expect(await first).toEqual([{ name: "a", value: 1 }]);
  await Promise.all(others);
  expect(state.asked).toBe(5);
  const late = ask("value?", ["a"]);

  state.value = 3;
  answer();
  expect(await Promise.all(crowd)).toEqual([1, 2, 3].map(() => [{ name: "a", value: 2 }]));
  answer();
  expect(await late).toEqual([{ name: "a", value: 3 }]);
  expect(state.asked).toBe(6);

  const alone = ask("value?", ["a"]);
  answer();
  await alone;
  expect(state.asked).toBe(7);
});

test("who waited while a question failed asks again", async () => {
  const { state, answer, ask } = slowDatabase();
  state.isAway = true;
  const first = ask("value?", []);
  const second = ask("value?", []);

  state.isAway = false;
  answer();

  await expect(first).rejects.toThrow("away");
  answer();
  expect(await second).toEqual([{ value: 1 }]);
});

/** A database with these rows, which are read when it is asked and told when the test says so. */
function slowTable(rows: Record<string, number>) {
  const asked: { question: string; keys: readonly unknown[] }[] = [];
  const waiting: (() => void)[] = [];
  const read = (question: string, keys: readonly unknown[]) => {
    asked.push({ question, keys });
    const found = Object.entries(rows).filter(([name]) => keys.includes(name));
    return new Promise<object[]>((resolve, reject) => {
      const answers = found.map(([name, value]) => ({ name, value }));
      waiting.push(() => ("away" in rows ? reject(new Error("away")) : resolve(answers)));
    });
  };
  const answer = async () => {
    waiting.splice(0).forEach((tell) => tell());
    await new Promise((resolve) => setImmediate(resolve));
  };
  const lookup = { question: "value of name IN (?)?", column: "name" };
  const lookUp = lookUpTogether(read as Ask);
  return { asked, answer, lookUp: (name: string) => lookUp<{ value: number }>(lookup, name) };
}

test("who looks something up while others are answered is answered with all who came since", async () => {
  const rows: Record<string, number> = { a: 1, b: 2 };
  const { asked, answer, lookUp } = slowTable(rows);

  const first = lookUp("a");
  const crowd = ["a", "b", "b", "nothing"].map(lookUp);
  rows["a"] = 3;
  await answer();
  await answer();

  expect(await first).toEqual({ name: "a", value: 1 });
  expect((await Promise.all(crowd)).map((row) => row?.value)).toEqual([3, 2, 2, undefined]);
  expect(asked).toEqual([
    { question: "value of name IN (?)?", keys: ["a"] },
    { question: "value of name IN (?, ?, ?, ?)?", keys: ["a", "b", "nothing", "a"] },
  ]);
});

test("a crowd that is too large for one statement has several", async () => {
  const names = Array.from({ length: 40 }, (_, n) => `name ${n}`);
  const { asked, answer, lookUp } = slowTable(
    Object.fromEntries(names.map((name, n) => [name, n])),
  );

  const found = Promise.all(names.map(lookUp));
  for (let n = 0; n < 4; n++) await answer();

  expect((await found).map((row) => row?.value)).toEqual(names.map((_, n) => n));
  expect(asked.map(({ keys }) => keys.length)).toEqual([1, 16, 16, 16]);
});

test("what fails is told to all who waited for it, and to nobody who came later", async () => {
  const rows: Record<string, number> = { a: 1, away: 0 };
  const { answer, lookUp } = slowTable(rows);
  const first = lookUp("a");
  const failed = Promise.allSettled([first, lookUp("a"), lookUp("b")]);
  await answer();
  await answer();

  expect((await failed).map(({ status }) => status)).toEqual(Array(3).fill("rejected"));
  delete rows["away"];
  const late = lookUp("a");
  await answer();
  expect(await late).toEqual({ name: "a", value: 1 });
});
