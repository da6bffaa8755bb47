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

/** Who leaves, and what they bring from behind these gates. */
interface Departure {
  holder: string;
  keys?: string[];
  news?: GateNews;
}

/** Everything here may run twice. Each comment says why that does no harm. */
export function createGateActivities({ database, usualGates, tellGateOpened }: GateTools) {
  return {
    /** Twice: whoever is through is through, and whoever waits keeps their place. */
    async enterGates(order: GateOrder): Promise<GateAnswer> {
      return enter(database, order, usualGates);
    },

    /**
     * Twice: whoever has left has left, and somebody is told once more. A host that has sent us away is left alone for
     * longer than it wants, never for less.
     */
    async leaveGates({ holder, keys = [], news }: Departure): Promise<void> {
      if (news) await note(database, keys, news);
      const next = await leave(database, holder, usualGates);
      await Promise.all(next.map(tellGateOpened));
    },
  };
}

export type GateActivities = ReturnType<typeof createGateActivities>;
