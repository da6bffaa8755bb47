import {
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  type Sequelize,
} from "sequelize";
import type { EventName } from "../../domain/events.ts";
import { LIMITS } from "../../domain/limits.ts";
import {
  DELIVERY_STATES,
  type DeliveryState,
  type OutwardEventName,
  WEBHOOK_STATES,
  type WebhookState,
} from "../../domain/webhooks.ts";
import { count, id, json, longText, moment, state, text, times } from "../columns.ts";

/** An address that wants to be told of events, and the secret that its messages are signed with. */
export class Webhook extends Model<InferAttributes<Webhook>, InferCreationAttributes<Webhook>> {
  declare id: string;
  declare ownerId: string;
  /** The key for single packages that made it: it hears of what this key may, and of nothing else. */
  declare keyId: CreationOptional<string | null>;
  declare url: string;
  declare events: OutwardEventName[];
  declare description: CreationOptional<string | null>;
  declare state: WebhookState;
  /** Why it is off, when the platform switched it off. */
  declare reason: CreationOptional<string | null>;
  /** Sealed for `secretPlace`. */
  declare secret: string;
  /** The secret before, which signs too until `previousUntil`. */
  declare previousSecret: CreationOptional<string | null>;
  declare previousUntil: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One event on its way to one webhook. After its making written only by activities/webhooks. */
export class WebhookDelivery extends Model<
  InferAttributes<WebhookDelivery>,
  InferCreationAttributes<WebhookDelivery>
> {
  declare id: string;
  declare webhookId: string;
  /** What the receiver knows the message by, however often it comes. */
  declare eventId: string;
  declare event: EventName;
  /** The message, byte for byte the same in every try. */
  declare body: string;
  declare state: DeliveryState;
  /** Begins with 1; each replay is one more, with the whole schedule before it. */
  declare round: CreationOptional<number>;
  /** How often it was tried in this round. */
  declare attempts: CreationOptional<number>;
  declare lastStatus: CreationOptional<number | null>;
  declare reason: CreationOptional<string | null>;
  declare nextAttemptAt: CreationOptional<Date | null>;
  declare endedAt: CreationOptional<Date | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
}

/** One try of a delivery, and what came back. */
export class WebhookAttempt extends Model<
  InferAttributes<WebhookAttempt>,
  InferCreationAttributes<WebhookAttempt>
> {
  declare deliveryId: string;
  declare round: number;
  declare number: number;
  declare startedAt: Date;
  declare durationMs: number;
  /** The status of the answer; null when there was none. */
  declare status: number | null;
  declare error: string | null;
  /** The beginning of the answer. */
  declare excerpt: string | null;
}

/** Where the secrets of a webhook belong, for sealing: both of its columns, since one moves to the other. */
export function secretPlace(webhookId: string): string {
  return `webhooks.secret/${webhookId}`;
}

/** Binds this domain's tables. */
export function defineWebhooks(sequelize: Sequelize): void {
  Webhook.init(
    {
      id: id({ primaryKey: true }),
      ownerId: id(),
      keyId: id({ allowNull: true }),
      url: text(LIMITS.webhookUrlCharacters),
      events: json(),
      description: text(LIMITS.webhookDescriptionCharacters, { allowNull: true }),
      state: state(WEBHOOK_STATES),
      reason: text(500, { allowNull: true }),
      secret: text(255),
      previousSecret: text(255, { allowNull: true }),
      previousUntil: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "webhooks" },
  );
  WebhookDelivery.init(
    {
      id: id({ primaryKey: true }),
      webhookId: id(),
      eventId: id(),
      event: text(64),
      body: longText(),
      state: state(DELIVERY_STATES),
      round: count({ defaultValue: 1 }),
      attempts: count({ defaultValue: 0 }),
      lastStatus: count({ allowNull: true }),
      reason: text(500, { allowNull: true }),
      nextAttemptAt: moment({ allowNull: true }),
      endedAt: moment({ allowNull: true }),
      ...times(),
    },
    { sequelize, tableName: "webhook_deliveries" },
  );
  WebhookAttempt.init(
    {
      deliveryId: id({ primaryKey: true }),
      round: count({ primaryKey: true }),
      number: count({ primaryKey: true }),
      startedAt: moment(),
      durationMs: count(),
      status: count({ allowNull: true }),
      error: text(500, { allowNull: true }),
      excerpt: longText({ allowNull: true }),
    },
    { sequelize, tableName: "webhook_attempts", timestamps: false },
  );
}
