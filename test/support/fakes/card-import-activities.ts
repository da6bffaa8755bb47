import type { CardActivities } from "../../../activities/cards/index.ts";
import { refusal } from "../../../domain/errors.ts";

/** An import of 1,000 lines of which so many have been looked at after each stretch; at "lost" they are gone. */
export function fakeImports(stretches: readonly (number | "lost")[]) {
  const left = [...stretches];
  const happened: string[] = [];
  const activities: Pick<CardActivities, "takeCardsIn" | "dropImport" | "failImport"> = {
    takeCardsIn: async () => {
      const looked = left.shift();
      if (looked === undefined) return null;
      if (looked === "lost") throw refusal("cards/import-not-found", "There is no such import.");
      return { looked, lines: 1000, imported: looked, isOver: looked === 1000 };
    },
    dropImport: async () => void happened.push("dropped"),
    failImport: async ({ reason }) => void happened.push(reason),
  };
  return { activities, happened };
}
