import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { openLocalBus, type Parent } from "../../platform/bus.ts";
import { anyEvent, busSuite, listen } from "../support/suites/bus.ts";

/** A supervisor that passes the words of each child on to all others, as `process` shows it to them. */
function supervise(children: number): (Parent & EventEmitter)[] {
  const all: (Parent & EventEmitter)[] = Array.from({ length: children }, () => {
    const child: Parent & EventEmitter = Object.assign(new EventEmitter(), {
      connected: true,
      send(word: unknown) {
        const passedOn = structuredClone(word);
        for (const other of all)
          if (other !== child) setImmediate(() => other.emit("message", passedOn));
      },
    });
    return child;
  });
  return all;
}

describe("the bus of one machine", () => {
  busSuite(async () => {
    const [one, other] = supervise(2);
    return [openLocalBus(one), openLocalBus(other)];
  });

  test("works without a supervisor, and when it has gone", async () => {
    const parent = supervise(1)[0]!;
    const bus = openLocalBus(parent);
    const heard = listen({ bus });
    parent.connected = false;
    parent.send = () => expect.unreachable("nobody is there");

    await bus.announce(anyEvent());

    expect(heard).toHaveLength(1);
  });

  test("passes over words that are not events", async () => {
    const parent = supervise(1)[0]!;
    const heard = listen({ bus: openLocalBus(parent) });

    for (const word of [null, "text", 1, { type: "ready" }]) parent.emit("message", word);

    expect(heard).toEqual([]);
  });
});
