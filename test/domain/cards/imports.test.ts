import { expect, test } from "vitest";
import { createImportReading } from "../../../domain/cards/imports.ts";

const NOTHING = {
  prefix: null,
  state: "unused",
  usedAt: null,
  expireAt: null,
  machineCode: null,
  note: null,
};
const readAll = (...lines: string[]) => {
  const read = createImportReading();
  return lines.map((line) => read(line));
};

test("a text has a code on each line; what is empty or begins with # says nothing", () => {
  expect(readAll("# exported", "", " VIP-AAAA1111 ", "BBBB-2222,x", "卡密-1")).toEqual([
    undefined,
    undefined,
    { code: "VIP-AAAA1111", card: { ...NOTHING, prefix: "VIP" } },
    { code: "BBBB-2222,x", card: { ...NOTHING, prefix: "BBBB" } },
    { code: "卡密-1", card: NOTHING },
  ]);
});

test("a table is read by its header, as exports have it; columns that nobody knows are for nobody", () => {
  const [header, card, bare] = readAll(
    '"code","Status","state","machine","used_at","expire_at","note","id"',
    `"VIP-A","ACTIVE","Active","PC-1","2026-11-21T10:00:00Z","2026-11-22T10:00:00+08:00","'=say ""hi""","x"`,
    "VIP-B",
  );

  expect(header).toBeUndefined();
  expect(card).toEqual({
    code: "VIP-A",
    card: {
      prefix: "VIP",
      state: "active",
      usedAt: "2026-11-21T10:00:00Z",
      expireAt: "2026-11-22T10:00:00+08:00",
      machineCode: "PC-1",
      note: '=say "hi"',
    },
  });
  expect(bare).toEqual({ code: "VIP-B", card: { ...NOTHING, prefix: "VIP" } });
});

test.each([
  [",unused", "There is no code."],
  [`${"x".repeat(129)},`, "The code has over 128 characters."],
  ["A-1,lost", "The state is none of unused, active, suspended, expired, banned."],
  ["A-1,,yesterday", "used_at is no moment in ISO 8601 with an offset."],
  ["A-1,,,2026-11-21", "expire_at is no moment in ISO 8601 with an offset."],
  [`A-1,,,,${"x".repeat(129)}`, "The machine code has over 128 characters."],
  ["A-1,,,,,to be", "The prefix is not 1 to 16 letters, digits or underscores."],
  ['"A-1', "A quoted cell does not end."],
  ["x".repeat(5000), "The line is too long."],
])("a line that is no card says why: %.20s", (line, fault) => {
  const header = "code,state,used_at,expire_at,machine_code,prefix";

  expect(readAll(header, line)[1]).toEqual({ fault });
});
