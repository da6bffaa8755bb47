import { ApplicationFailure, cancellationSignal, Context, heartbeat } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { codePlace, findUnsentCode, noteCodeSent } from "../../models/accounts.ts";
import type { AccountTools } from "./tools.ts";

const BEAT_MS = 1_000;

/** Which code is to be sent: its digits and its address stay in its row. */
export interface CodeOrder {
  codeId: string;
}

/** What became of it. `over`: it was sent before, has ended, or another one has taken its place. */
export interface CodeResult {
  outcome: "sent" | "refused" | "over";
  reason?: string;
}

/** Everything here may run twice. Each comment says why that does no harm. */
export function createAccountActivities({ database, sendMessage, unseal }: AccountTools) {
  return {
    /** Twice: one that was noted as sent is not sent again; one that was cut off before goes out with the same digits. */
    async sendCode(this: void, { codeId }: CodeOrder): Promise<CodeResult> {
      const code = await findUnsentCode(codeId);
      if (!code) return { outcome: "over" };
      const digits = unseal(code.sealed, codePlace(codeId));
      const { channel, address } = code;
      const minutes = LIMITS.codeSeconds / 60;
      const signal = cancellationSignal();
      const beat = setInterval(() => heartbeat(), BEAT_MS);
      try {
        await sendMessage({ channel, address, digits, minutes }, signal);
      } catch (error) {
        // A worker that ends is no fault of the provider's: another one sends it.
        if (signal.aborted) await Context.current().cancelled;
        return refusalOf(error, digits);
      } finally {
        clearInterval(beat);
      }
      await noteCodeSent(database, codeId);
      return { outcome: "sent" };
    },
  };
}

/** Providers quote what they were sent: digits must not stand in the history of a workflow. */
function refusalOf(error: unknown, digits: string): CodeResult {
  const { name, message } = error as Error;
  const reason = message.replaceAll(digits, "******");
  if (name === "MessageRefused") return { outcome: "refused", reason };
  throw ApplicationFailure.retryable(reason, name);
}

export type AccountActivities = ReturnType<typeof createAccountActivities>;
