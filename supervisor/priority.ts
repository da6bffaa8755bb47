import { readdirSync, writeFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

const LEAST_PRIORITY = 19;

/**
 * Puts a process that has just been started, and whatever it starts, so far behind this one when cores are scarce
 * (nice(1)). Where the system does not let us, it goes like everybody.
 */
export function putBehind(pid: number, niceness: number): void {
  if (niceness === 0) return;
  const priority = Math.min(LEAST_PRIORITY, getPriority() + niceness);
  try {
    if (process.platform !== "linux") return setPriority(pid, priority);
    // Here a priority is a thread's own; what begins later has it from whoever began it.
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), priority);
    // Cores are shared out between sessions before anybody looks at their processes (sched(7), autogroup): it has its
    // own, and a new one goes like everybody's, whatever priority its processes have.
    writeFileSync(`/proc/${pid}/autogroup`, `${niceness}`);
  } catch {
    // It has ended already, or has no session to be put behind with.
  }
}
