import { describe, expect, test } from "vitest";
import { loadSource, sourceFiles } from "../support/sources.ts";

interface StateTable {
  name: string;
  states: readonly string[];
  moves: Readonly<Record<string, readonly string[]>>;
}

/** Every `<NAME>_MOVES` of the domain with its `<NAME>_STATES`, the first state being where a life begins. */
async function stateTables(): Promise<StateTable[]> {
  const tables: StateTable[] = [];
  for (const file of sourceFiles(["domain"])) {
    const exported = await loadSource(file);
    for (const name of Object.keys(exported).filter((one) => one.endsWith("_MOVES"))) {
      const states = exported[name.replace(/_MOVES$/, "_STATES")] as StateTable["states"];
      tables.push({ name, states, moves: exported[name] as StateTable["moves"] });
    }
  }
  return tables;
}

/** Where a life can come to from `start`. */
function reachableFrom(start: string, moves: StateTable["moves"]): Set<string> {
  const reached = new Set([start]);
  for (const state of reached) for (const next of moves[state] ?? []) reached.add(next);
  return reached;
}

const tables = await stateTables();

test("the domain has state tables", () => {
  expect(tables.map(({ name }) => name)).toContain("RUN_MOVES");
});

describe.each(tables)("$name", ({ states, moves }) => {
  test("says of every state where it may go, and of no other", () => {
    expect(Object.keys(moves).sort()).toEqual([...states].sort());
    expect(Object.values(moves).flat()).toSatisfy((targets: string[]) =>
      targets.every((target) => states.includes(target)),
    );
  });

  test("reaches every state from the first", () => {
    const reached = reachableFrom(states[0]!, moves);

    expect(states.filter((state) => !reached.has(state))).toEqual([]);
  });

  test("comes to an end from everywhere", () => {
    const isFinal = (state: string) => moves[state]!.length === 0;

    const endless = states.filter((state) => ![...reachableFrom(state, moves)].some(isFinal));

    expect(endless).toEqual([]);
  });

  test("never moves from a state to itself", () => {
    expect(states.filter((state) => moves[state]!.includes(state))).toEqual([]);
  });
});
