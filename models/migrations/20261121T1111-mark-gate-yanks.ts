import { flag } from "../columns.ts";
import type { Migration } from "./migration.ts";

/** Versions that the gate itself has withdrawn: a release opens their doors again. */
export const markGateYanks: Migration = {
  name: "20261121T1111-mark-gate-yanks",

  async up({ addColumns }) {
    const isYankedByGate = flag({ defaultValue: false });
    await addColumns("package_versions", { is_yanked_by_gate: isYankedByGate });
  },

  async down({ dropColumns }) {
    await dropColumns("package_versions", ["is_yanked_by_gate"]);
  },
};
