import { expect, test } from "vitest";
import { type Ask, askTogether } from "../../models/questions.ts";

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
