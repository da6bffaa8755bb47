import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { expect, test, vi } from "vitest";
import type { Event } from "../../../domain/events.ts";
import type { Bus } from "../../../platform/bus.ts";

/** What every bus promises. `openTwo` gives the buses of two processes that hear each other. */
export function busSuite(openTwo: () => Promise<[Bus, Bus]>): void {
  test("tells this process and others, once each", async () => {
    const [here, there] = await openTwo();
    const heard = listen({ here, there });
    const event = anyEvent();

    await here.announce(event);

    await vi.waitFor(() => expect(heard).toContainEqual(["there", event]), 20_000);
    // What would come twice has come before a later event comes back.
    const last = anyEvent();
    await there.announce(last);
    await vi.waitFor(() => expect(heard).toContainEqual(["here", last]), 20_000);
    expect(heard.filter(([, each]) => isDeepStrictEqual(each, event))).toEqual([
      ["here", event],
      ["there", event],
    ]);
    await Promise.all([here.close(), there.close()]);
  });

  test("keeps the order of one announcer", async () => {
    const [here, there] = await openTwo();
    const heard = listen({ there });
    const events = Array.from({ length: 50 }, anyEvent);

    for (const event of events) await here.announce(event);

    await vi.waitFor(() => expect(heard).toHaveLength(50), 20_000);
    expect(heard.map(([, event]) => event)).toEqual(events);
    await Promise.all([here.close(), there.close()]);
  });

  test("tells a listener nothing once it has gone, and others still", async () => {
    const [here, there] = await openTwo();
    const gone = vi.fn<(event: Event) => void>();
    const leave = there.subscribe(gone);
    const heard = listen({ there });

    leave();
    leave();
    await here.announce(anyEvent());

    await vi.waitFor(() => expect(heard).toHaveLength(1), 20_000);
    expect(gone).not.toHaveBeenCalled();
    await Promise.all([here.close(), there.close()]);
  });

  test("tells a closed bus nothing from elsewhere", async () => {
    const [here, there] = await openTwo();
    const heard = listen({ here, there });
    await there.close();

    await here.announce(anyEvent());

    await vi.waitFor(() => expect(heard).toHaveLength(1), 20_000);
    expect(heard[0]![0]).toBe("here");
    await here.close();
  });
}

/** Everything that these buses tell, in the order heard, with the name of the bus. */
export function listen(buses: Record<string, Bus>): [string, Event][] {
  const heard: [string, Event][] = [];
  for (const [name, bus] of Object.entries(buses))
    bus.subscribe((event) => heard.push([name, event]));
  return heard;
}

/** An event that no other test announces. */
export function anyEvent(): Event {
  return { type: "package.log-grew", data: { runId: randomUUID() } };
}
