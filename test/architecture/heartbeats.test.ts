import type { ObjectExpression } from "oxc-parser";
import { expect, test, vi } from "vitest";
import { sayAlive } from "../../workers/interceptors/activity.ts";
import { sourceFiles, visit } from "../support/sources.ts";

/** The longest that work may be lost for with a worker, unless its worker says again and again that it lives. */
const SILENT_SECONDS = 10;

/** The properties of an object that is written out, with the text of those that are strings; what is spread is `...name`. */
function propertiesOf({ properties }: ObjectExpression): Map<string, string> {
  return new Map(
    properties.map((one) => {
      if (one.type === "SpreadElement") {
        return [`...${one.argument.type === "Identifier" ? one.argument.name : ""}`, ""];
      }
      const name = one.key.type === "Identifier" ? one.key.name : "";
      return [name, one.value.type === "Literal" ? String(one.value.value) : ""];
    }),
  );
}

const isShort = (time: string) => Number(/^(\d+) seconds?$/.exec(time)?.[1]) <= SILENT_SECONDS;

/** Options of activities in a file that may take longer than that, and do not say within what time a beat is expected. */
function silentOptionsOf(file: string): string[] {
  const beating = new Set<string>();
  const options: Map<string, string>[] = [];
  visit(file, {
    VariableDeclarator({ id, init }) {
      const value = init?.type === "TSAsExpression" ? init.expression : init;
      if (id.type !== "Identifier" || value?.type !== "ObjectExpression") return;
      if (propertiesOf(value).has("heartbeatTimeout")) beating.add(`...${id.name}`);
    },
    ObjectExpression(node) {
      const found = propertiesOf(node);
      if (found.has("startToCloseTimeout")) options.push(found);
    },
  });
  return options
    .filter((found) => !isShort(found.get("startToCloseTimeout")!))
    .filter((found) => !found.has("heartbeatTimeout"))
    .filter((found) => ![...found.keys()].some((name) => beating.has(name)))
    .map((found) => `${file}: ${found.get("summary") || [...found.keys()].join(", ")}`);
}

test("whatever may take longer than a moment begins again soon after its worker is lost", () => {
  expect(sourceFiles(["workflows"]).flatMap(silentOptionsOf)).toEqual([]);
});

test("a worker says that it lives for as long as an activity runs that has a heartbeat timeout", async () => {
  vi.useFakeTimers();
  try {
    const run = async (heartbeatTimeoutMs: number | undefined) => {
      const heartbeat = vi.fn<() => void>();
      const context = { info: { heartbeatTimeoutMs }, heartbeat } as never;
      const execute = sayAlive(context).inbound!.execute!;
      const slow = execute(
        { args: [], headers: {} },
        () => new Promise((end) => setTimeout(end, 5_500)),
      );
      await vi.advanceTimersByTimeAsync(20_000);
      await slow;
      return heartbeat.mock.calls.length;
    };

    expect(await run(5_000)).toBe(5);
    expect(await run(undefined)).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
