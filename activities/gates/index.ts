import type { UsualGates } from "../../domain/gates.ts";
import type { Database } from "../../models/database.ts";
import {
  enterGates as enter,
  type GateAnswer,
  type GateNews,
  type GateOrder,
  leaveGates as leave,
  noteGates as note,
} from "../../models/gates/index.ts";

/** What the activities of gates work with. */
export interface GateTools {
  database: Database;
  /** What is usual for each kind of gate. */
  usualGates: UsualGates;
  /** Tells a download that waits to look again. Nobody relies on it: whoever waits looks again by itself. */
  tellGateOpened: (holder: string) => Promise<void>;
}

/** What the activities of gates are called with and answer. */
export type { GateAnswer, GateNews, GateOrder };

/** Everything here may run twice. Each comment says why that does no harm. */
export function createGateActivities({ database, usualGates, tellGateOpened }: GateTools) {
  return {
    /** Twice: whoever is through is through, and whoever waits keeps their place. */
    async enterGates(order: GateOrder): Promise<GateAnswer> {
      return enter(database, order, usualGates);
    },

    /** Twice: whoever has left has left; somebody is told once more, and asks once more. */
    async leaveGates({ holder }: { holder: string }): Promise<void> {
      const next = await leave(database, holder);
      await Promise.all(next.map(tellGateOpened));
    },

    /** Twice: a host that has sent us away is left alone for longer than it wants, never for less. */
    async noteGates({ keys, news }: { keys: string[]; news: GateNews }): Promise<void> {
      await note(database, keys, news);
    },
  };
}
