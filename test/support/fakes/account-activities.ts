import { ApplicationFailure } from "@temporalio/common";
import type { AccountActivities, SendResult } from "../../../activities/accounts/index.ts";

/** Activities that end as the test says: with a result, or with the reason for which they failed for good. */
export function fakeAccounts(...answers: (SendResult | string)[]): AccountActivities {
  let asked = 0;
  const send = async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)]!;
    if (typeof answer === "string") throw ApplicationFailure.nonRetryable(answer, "Error");
    return answer;
  };
  return { sendCode: send, sendInvitation: send };
}
