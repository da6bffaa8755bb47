import { ApplicationFailure, cancellationSignal, Context } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { codePlace, findAddressee, findUnsentCode, noteCodeSent } from "../../models/accounts.ts";
import type { Message } from "../../platform/messages/index.ts";
import type { AccountTools } from "./tools.ts";

/** Which code is to be sent: its digits and its address stay in its row. */
export interface CodeOrder {
  codeId: string;
}

/** Which invitation is to be mailed: its address stays in its row. */
export interface InvitationOrder {
  invitationId: string;
}

/** What became of it. `over`: it was sent before, has ended, or another one has taken its place. */
export interface SendResult {
  outcome: "sent" | "refused" | "over";
  reason?: string;
}

/** Everything here may run twice. Each comment says why that does no harm. */
export function createAccountActivities({ database, sendMessage, unseal }: AccountTools) {
  const carry = async (message: Message): Promise<SendResult> => {
    const signal = cancellationSignal();
    try {
      await sendMessage(message, signal);
      return { outcome: "sent" };
    } catch (error) {
      // A worker that ends is no fault of the provider's: another one sends it.
      if (signal.aborted) await Context.current().cancelled;
      return refusalOf(error, message);
    }
  };
  return {
    /** Twice: one that was noted as sent is not sent again; one that was cut off before goes out with the same digits. */
    async sendCode(this: void, { codeId }: CodeOrder): Promise<SendResult> {
      const code = await findUnsentCode(codeId);
      if (!code) return { outcome: "over" };
      const digits = unseal(code.sealed, codePlace(codeId));
      const { channel, address } = code;
      const result = await carry({ channel, address, digits, minutes: LIMITS.codeSeconds / 60 });
      if (result.outcome === "sent") await noteCodeSent(database, codeId);
      return result;
    },

    /** Twice: somebody reads the same invitation twice, and it is accepted once. */
    async sendInvitation(this: void, { invitationId }: InvitationOrder): Promise<SendResult> {
      const addressee = await findAddressee(invitationId);
      if (!addressee) return { outcome: "over" };
      return carry({ channel: "email", days: LIMITS.invitationDays, ...addressee });
    },
  };
}

/** Providers quote what they were sent: neither digits nor addresses may stand in the history of a workflow. */
function refusalOf(error: unknown, message: Message): SendResult {
  const { name, message: said } = error as Error;
  const open = said.replaceAll(message.address, "(address)");
  const reason = "digits" in message ? open.replaceAll(message.digits, "******") : open;
  if (name === "MessageRefused") return { outcome: "refused", reason };
  throw ApplicationFailure.retryable(reason, name);
}

export type AccountActivities = ReturnType<typeof createAccountActivities>;
