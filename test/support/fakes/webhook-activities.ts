import type { DeliveryRecord, TryOrder, TryResult } from "../../../activities/webhooks/contract.ts";
import type { WebhookActivities } from "../../../activities/webhooks/index.ts";

/** What happened, in order: `try:<round>.<number>` and `<state>:<round>`. */
export interface FakeWebhooks {
  activities: WebhookActivities;
  happened: string[];
  records: DeliveryRecord[];
}

/** A receiver that refuses for a reason. */
export const refused: TryResult = { outcome: "refused", reason: "The address answered 500." };

/** Activities that remember what was asked of them; `answer` says how each try ends. */
export function fakeWebhooks(answer: (order: TryOrder) => TryResult): FakeWebhooks {
  const happened: string[] = [];
  const records: DeliveryRecord[] = [];
  return {
    happened,
    records,
    activities: {
      attemptDelivery: async (order) => {
        happened.push(`try:${order.round}.${order.number}`);
        return answer(order);
      },
      recordDelivery: async (record) => {
        records.push(record);
        happened.push(`${record.state}:${record.round}`);
      },
    },
  };
}
