import { proxyActivities } from "@temporalio/workflow";

const { say } = proxyActivities<{ say(text: string): Promise<string> }>({
  startToCloseTimeout: "1 minute",
});

/** Says a text by an activity: the least that a workflow can do. */
export async function echo(text: string): Promise<string> {
  return say(text);
}
