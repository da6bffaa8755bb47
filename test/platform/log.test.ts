import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const PROGRAM = `
  import { openLog } from ${JSON.stringify(new URL("../../platform/log.ts", import.meta.url).href)};
  const log = openLog("test", "info");
  let count = 0;
  log.info({ password: "hidden-word" }, "first");
  const of = { sql: "VALUES ('hidden-word')", parameters: ["hidden-word"] };
  const parent = Object.assign(new Error("it is full"), of);
  log.info({ err: Object.assign(new Error("it is full"), of, { parent, code: 13 }) }, "failed");
  const talking = setInterval(() => log.info({ count: ++count }, "more"), 20);
  setTimeout(() => { clearInterval(talking); log.info("last"); process.exitCode = 7; }, 600);
`;

function startTalker() {
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", PROGRAM], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

test("writes every line up to the end, without secrets", async () => {
  const talker = startTalker();

  const lines = (await text(talker.stdout)).trim().split("\n");

  expect(lines[0]).toContain('"password":"(secret)"');
  expect(JSON.parse(lines[1]!)).toMatchObject({ err: { message: "it is full", code: 13 } });
  expect(lines.join()).not.toContain("hidden-word");
  expect(lines.at(-1)).toContain('"msg":"last"');
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ part: "test", level: 30 });
});

test("does not keep a process whose lines nobody reads any more", async () => {
  const talker = startTalker();
  await once(talker.stdout, "data");
  talker.stdout.destroy();

  expect(await once(talker, "exit")).toEqual([7, null]);
});
