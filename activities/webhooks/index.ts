import { cancellationSignal, Context } from "@temporalio/activity";
import { LIMITS } from "../../domain/limits.ts";
import { inTransaction } from "../../models/database.ts";
import {
  admitAttempt,
  moveDelivery,
  noteAttempt,
  secretPlace,
  switchOff,
  type Webhook,
  WebhookAttempt,
  WebhookDelivery,
} from "../../models/webhooks/index.ts";
import type { OutboundAnswer } from "../../platform/outbound.ts";
import { failureReason, judgeStatus, retryAfter } from "./answers.ts";
import type { DeliveryRecord, TryOrder, TryResult } from "./contract.ts";
import { signedHeaders } from "./signature.ts";
import type { WebhookTools } from "./tools.ts";

/** Everything here may run twice. Each comment says why that does no harm. */
export function createWebhookActivities({ database, outbound, unseal, version }: WebhookTools) {
  return {
    /**
     * Twice: a try that was noted is not made again. One that was cut off before is sent again under the same
     * `webhook-id`, by which receivers know it.
     */
    async attemptDelivery({ deliveryId, round, number }: TryOrder): Promise<TryResult> {
      const noted = await WebhookAttempt.findOne({ where: { deliveryId, round, number } });
      if (noted) return resultOf(noted);
      const admission = await inTransaction(database, (transaction) =>
        admitAttempt({ deliveryId, round }, transaction),
      );
      if (admission.may !== "send") return { outcome: admission.may };

      const { delivery, webhook } = admission;
      const startedAt = new Date();
      const answer = await ask(delivery, webhook, startedAt);
      const result = "error" in answer ? failed(answer.error) : judgeStatus(answer.status);
      const attempt = {
        deliveryId,
        round,
        number,
        startedAt,
        durationMs: Date.now() - startedAt.getTime(),
        status: "error" in answer ? null : answer.status,
        error: result.reason ?? null,
        excerpt: "error" in answer ? null : answer.bytes.toString() || null,
      };
      await inTransaction(database, (transaction) => noteAttempt(attempt, transaction));
      const retryAfterSeconds =
        "error" in answer ? undefined : retryAfter(answer, startedAt.getTime());
      return { ...result, ...(retryAfterSeconds && { retryAfterSeconds }) };
    },

    /** Twice: a delivery that stands there already, or was overtaken by a later round, is left alone. */
    async recordDelivery(record: DeliveryRecord): Promise<void> {
      const { deliveryId, round, state, reason = null, nextAttemptAt } = record;
      const at = nextAttemptAt === undefined ? null : new Date(nextAttemptAt);
      await inTransaction(database, async (transaction) => {
        const move = { state, reason, nextAttemptAt: at };
        const moved = await moveDelivery({ deliveryId, round }, move, transaction);
        if (!moved || !record.switchOff) return;
        const { webhookId } = await WebhookDelivery.findByPk(deliveryId, {
          transaction,
          rejectOnEmpty: true,
        });
        await switchOff(webhookId, reason ?? "", transaction);
      });
    },
  };

  /** Sends the signed message; what went wrong on the way is an answer too. */
  async function ask(
    { eventId, body }: WebhookDelivery,
    webhook: Webhook,
    sentAt: Date,
  ): Promise<OutboundAnswer | { error: unknown }> {
    const message = { id: eventId, sentAt: sentAt.getTime(), body };
    const signal = cancellationSignal();
    try {
      return await outbound.request({
        url: webhook.url,
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": `Longhaul/${version}`,
          ...signedHeaders(message, secretsOf(webhook, sentAt)),
        },
        body,
        timeoutMs: LIMITS.webhookTimeoutSeconds * 1000,
        limitBytes: LIMITS.webhookExcerptBytes,
        signal,
      });
    } catch (error) {
      // A worker that ends is no fault of the receiver's: another one makes this try.
      if (signal.aborted) await Context.current().cancelled;
      return { error };
    }
  }

  /** The secrets that sign at a moment, the newest first. */
  function secretsOf(webhook: Webhook, at: Date): string[] {
    const { id, secret, previousSecret, previousUntil } = webhook;
    const overlaps = previousSecret && previousUntil && previousUntil > at;
    const sealed = overlaps ? [secret, previousSecret] : [secret];
    return sealed.map((one) => unseal(one, secretPlace(id)));
  }
}

function failed(error: unknown): TryResult {
  return { outcome: "refused", reason: failureReason(error) };
}

function resultOf({ status, error }: WebhookAttempt): TryResult {
  return status === null ? { outcome: "refused", reason: error ?? "" } : judgeStatus(status);
}

export type WebhookActivities = ReturnType<typeof createWebhookActivities>;
