import { QUEUES } from "../../domain/queues.ts";
import { codeDelivery, invitationDelivery } from "../../workflows/accounts.ts";
import { fakeAccounts } from "./fakes/account-activities.ts";
import type { HistoryCase } from "./history-cases.ts";

const taskQueue = QUEUES.orchestrator;

/** The lives of what looks after accounts. */
export function accountCases(): HistoryCase[] {
  const live: HistoryCase["live"] = async (client, workflowId) => {
    const args: [{ codeId: string }] = [{ codeId: workflowId }];
    const handle = await client.workflow.start(codeDelivery, { taskQueue, workflowId, args });
    await handle.result();
    return handle;
  };
  const answered = (name: string, ...answers: Parameters<typeof fakeAccounts>): HistoryCase => ({
    workflow: "codeDelivery",
    name,
    activities: () => fakeAccounts(...answers),
    live,
  });
  const invited: HistoryCase["live"] = async (client, workflowId) => {
    const args: [{ invitationId: string }] = [{ invitationId: workflowId }];
    const handle = await client.workflow.start(invitationDelivery, {
      taskQueue,
      workflowId,
      args,
    });
    await handle.result();
    return handle;
  };
  return [
    {
      workflow: "invitationDelivery",
      name: "sent",
      activities: () => fakeAccounts({ outcome: "sent" }),
      live: invited,
    },
    {
      workflow: "invitationDelivery",
      name: "given-up",
      activities: () => fakeAccounts("connect ECONNREFUSED"),
      live: invited,
    },
    answered("sent", { outcome: "sent" }),
    answered("refused", { outcome: "refused", reason: "isv.MOBILE_NUMBER_ILLEGAL" }),
    answered("given-up", "connect ECONNREFUSED"),
  ];
}
