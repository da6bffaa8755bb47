import { randomBytes } from "node:crypto";

/** A name that no other run has, for what a run makes on a server: its words joined as that server likes it. */
export function runName(joint: "_" | "-"): string {
  const moment = Date.now().toString(36);
  return ["longhaul", "test", moment, randomBytes(3).toString("hex")].join(joint);
}
