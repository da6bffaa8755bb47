import { expect, test } from "vitest";
import { createHelpings } from "../../domain/helpings.ts";

test("every byte is handed out once, and asked for by the helping", () => {
  const asked: number[] = [];
  let last = 0;
  const helping = createHelpings((bytes) => {
    asked.push(bytes);
    return Uint8Array.from({ length: bytes }, () => last++ % 251);
  });
  const given = [16, 16, 12, 4052, 1, 5000].map((bytes) => helping(bytes));

  expect(given.map(({ length }) => length)).toEqual([16, 16, 12, 4052, 1, 5000]);
  expect(asked).toEqual([4096, 4096, 5000]);
  expect([...given[0]!, ...given[1]!, ...given[2]!, ...given[3]!]).toEqual(
    Array.from({ length: 4096 }, (_, at) => at % 251),
  );
  expect(given[4]![0]).toBe(4096 % 251);
  expect(given[5]![0]).toBe(8192 % 251);
});
