import type { Rhythm, Schedules } from "../../../platform/schedules.ts";

/** Schedules that are only remembered. */
export function fakeSchedules(): { schedules: Schedules; kept: Map<string, Rhythm> } {
  const kept = new Map<string, Rhythm>();
  return {
    kept,
    schedules: {
      apply: async (rhythm) => void kept.set(rhythm.id, rhythm),
      remove: async (id) => void kept.delete(id),
      async look(id) {
        const rhythm = kept.get(id);
        return rhythm && { ...rhythm, nextAt: [], skipped: 0, missed: 0 };
      },
    },
  };
}
