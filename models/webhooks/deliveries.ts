import { Op, type Transaction } from "sequelize";
import { ApiKey, stillAlive } from "../accounts/keys.ts";
import { Account } from "../accounts/tables.ts";
import { type Database, inTransaction } from "../database.ts";
import { switchOff } from "./changes.ts";
import { Webhook, WebhookAttempt, WebhookDelivery } from "./tables.ts";

/** Which round of which delivery; what a later round has overtaken changes nothing any more. */
export interface DeliveryRound {
  deliveryId: string;
  round: number;
}

/** Where a delivery stands after a try. */
export type DeliveryMove = Pick<WebhookDelivery, "state"> &
  Partial<Pick<WebhookDelivery, "reason" | "nextAttemptAt">>;

/** Whether a try may be made: what is sent where, or where the delivery stands instead. */
export type Admission =
  | { may: "send"; delivery: WebhookDelivery; webhook: Webhook }
  | { may: "held" | "over" };

/**
 * Asks right before a try. A delivery of a paused webhook is held from now on; one of a webhook that is off, or whose
 * owner may not sign in any more, has failed.
 */
export async function admitAttempt(
  round: DeliveryRound,
  transaction: Transaction,
): Promise<Admission> {
  const delivery = await WebhookDelivery.findByPk(round.deliveryId, { transaction });
  if (!delivery || delivery.state !== "pending" || delivery.round !== round.round) {
    return { may: "over" };
  }
  // Locked, so that it is not resumed between this look and the hold.
  const webhook = await Webhook.findByPk(delivery.webhookId, {
    lock: transaction.LOCK.UPDATE,
    transaction,
  });
  if (!webhook) return { may: "over" };
  const where = { id: webhook.ownerId, isActive: false };
  if (await Account.findOne({ attributes: ["id"], where, transaction })) {
    await switchOff(webhook.id, "Its owner's account was switched off.", transaction);
    await webhook.reload({ transaction });
  }
  if (webhook.keyId) {
    const alive = { id: webhook.keyId, ...stillAlive() };
    if (!(await ApiKey.findOne({ attributes: ["id"], where: alive, transaction }))) {
      await switchOff(webhook.id, "Its API key was revoked or has expired.", transaction);
      await webhook.reload({ transaction });
    }
  }
  switch (webhook.state) {
    case "active":
      return { may: "send", delivery, webhook };
    case "paused":
      await moveDelivery(round, { state: "held", reason: "The webhook is paused." }, transaction);
      return { may: "held" };
    case "off": {
      const reason = "The webhook is off.";
      await moveDelivery(round, { state: "failed", reason }, transaction);
      return { may: "over" };
    }
  }
}

/** Notes a try; the same one again replaces what was noted. */
export async function noteAttempt(
  attempt: Pick<
    WebhookAttempt,
    "deliveryId" | "round" | "number" | "startedAt" | "durationMs" | "status" | "error" | "excerpt"
  >,
  transaction: Transaction,
): Promise<void> {
  const { deliveryId, round, number, status, error } = attempt;
  const [current] = await WebhookDelivery.update(
    { attempts: number, lastStatus: status, reason: error, nextAttemptAt: null },
    { where: { id: deliveryId, round, state: "pending" }, transaction },
  );
  if (current > 0) await WebhookAttempt.upsert(attempt, { transaction });
}

/** Moves a pending delivery; false when it has moved or a later round has begun. */
export async function moveDelivery(
  { deliveryId, round }: DeliveryRound,
  { state, ...fields }: DeliveryMove,
  transaction: Transaction,
): Promise<boolean> {
  const isOver = state === "delivered" || state === "failed";
  const [moved] = await WebhookDelivery.update(
    { nextAttemptAt: null, ...fields, state, endedAt: isOver ? new Date() : null },
    { where: { id: deliveryId, round, state: "pending" }, transaction },
  );
  return moved > 0;
}

const FORGET_AT_ONCE = 500;

/** Removes some of the deliveries that ended before `before`, with their tries; answers how many. */
export async function forgetDeliveries(database: Database, before: Date): Promise<number> {
  const ended = await WebhookDelivery.findAll({
    attributes: ["id"],
    where: { endedAt: { [Op.lt]: before } },
    limit: FORGET_AT_ONCE,
  });
  const ids = ended.map(({ id }) => id);
  if (ids.length === 0) return 0;
  return inTransaction(database, async (transaction) => {
    const gone = await WebhookDelivery.destroy({
      where: { id: ids, endedAt: { [Op.lt]: before } },
      transaction,
    });
    await WebhookAttempt.destroy({ where: { deliveryId: ids }, transaction });
    return gone;
  });
}
