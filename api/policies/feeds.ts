import { type Actor, may, type Permission } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { TASK_KINDS, type TaskKind } from "../../domain/feeds.ts";
import { type FeedTask, findTask } from "../../models/feeds/index.ts";

/**
 * What of its account's feed an actor may hear of: people of all, programs of the tasks that they may read. Refuses
 * keys for single packages, which would hear of others.
 */
export function kindsFor(actor: Actor): ReadonlySet<TaskKind> | undefined {
  if (!actor.keyId) return undefined;
  if (actor.packages) {
    throw refusal("accounts/not-allowed", "Keys for single packages cannot follow a whole feed.");
  }
  const kinds = Object.keys(TASK_KINDS) as TaskKind[];
  return new Set(kinds.filter((kind) => may(actor, TASK_KINDS[kind])));
}

/**
 * The task that an actor may follow: their own, and any run of a package for who may read packages. Somebody else's
 * looks the same as one that never was.
 */
export async function findFollowed(actor: Actor, taskId: string): Promise<FeedTask> {
  const task = UUID.test(taskId) ? await findTask(taskId) : null;
  if (!task || !mayFollow(actor, task)) {
    throw refusal("feeds/task-not-found", "task not found or access denied");
  }
  return task;
}

/** What whoever follows somebody else's task must be permitted. */
export const OVERSEEING: Permission = "packages:read";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function mayFollow(actor: Actor, { accountId, kind }: FeedTask): boolean {
  if (actor.packages) return false;
  if (kind === "package" && may(actor, OVERSEEING)) return true;
  return accountId === actor.accountId && (!actor.keyId || may(actor, TASK_KINDS[kind]));
}
