import { may } from "../../../domain/accounts.ts";
import { statusOf } from "../../../domain/cards.ts";
import { printShanghai, remainingHours, stateNow } from "../../../domain/cards/judgement.ts";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { findShownCard, sealedCode, validateCard } from "../../../models/cards/index.ts";
import { route } from "../../route.ts";
import {
  HealthAnswer,
  StatusAnswer,
  StatusPath,
  StatusQuestion,
  ValidationAnswer,
  ValidationOrder,
} from "../../schemas/cards/clients.ts";

export const validateCode = route({
  method: "post",
  path: "/api/validate",
  summary: "Ask whether a card is good for a machine; its first use activates it",
  access: "public",
  dialect: "status",
  hot: true,
  body: ValidationOrder,
  unfit: unfitOrder,
  returns: [200, ValidationAnswer],
  async handle({ body, services, requestId }) {
    const { database, cardCodes, env } = services;
    const machine = { machineCode: body.machine_code, machineParts: body.machine_parts ?? null };
    const hashes = cardCodes.hashes(body.code);
    const showing = { hashes, machine, product: body.product, useId: body.use_id };
    const defaults = { termSeconds: env.CARD_TERM, mostRuns: env.CARD_TIMERS };
    const card = await validateCard(database, showing, defaults);
    if (!card) throw noSuchCard();
    const now = new Date();
    return {
      message: "授权成功" as const,
      expire_at: card.expireAt && printShanghai(card.expireAt),
      remaining_hours: remainingHours(card.expireAt, now),
      uses_left: card.usesLeft,
      product: card.product,
      entitlements: card.entitlements,
      code: "VALID",
      server_time: printShanghai(now),
      request_id: requestId,
    };
  },
});

export const readCardStatus = route({
  method: "get",
  path: "/api/status/:code",
  summary: "Ask where a card stands",
  access: "public",
  dialect: "status",
  params: StatusPath,
  query: StatusQuestion,
  returns: [200, StatusAnswer],
  async handle({ actor, params, query, services, requestId }) {
    const { database, cardCodes } = services;
    const card = await findShownCard(database, cardCodes.hashes(params.code));
    if (!card) throw noSuchCard();
    const now = new Date();
    const state = stateNow(card, now);
    const isKnown =
      query.machine_code === card.machineCode || (actor && may(actor, "cards:oversee"));
    return {
      data: {
        full_code: cardCodes.unseal(await sealedCode(database, card.id), card.id),
        status: statusOf(state),
        state,
        created_at: printShanghai(card.createdAt),
        used_at: card.usedAt && printShanghai(card.usedAt),
        expire_at: card.expireAt && printShanghai(card.expireAt),
        machine_code: isKnown ? card.machineCode : null,
        ...(state === "active" && { remaining_hours: remainingHours(card.expireAt, now) }),
      },
      code: "FOUND",
      server_time: printShanghai(now),
      request_id: requestId,
    };
  },
});

export const readCardHealth = route({
  method: "get",
  path: "/api/health",
  summary: "That the card service answers",
  access: "public",
  dialect: "status",
  unlimited: true,
  returns: [200, HealthAnswer],
  handle({ requestId }) {
    const timestamp = printShanghai(new Date());
    const beside = { code: "OK", server_time: timestamp, request_id: requestId };
    return { status: "ok" as const, timestamp, service: "kamisystem" as const, ...beside };
  },
});

function noSuchCard(): Error {
  return refusal("cards/not-found", "卡密不存在");
}

/** The contract's words for a body that is no order. */
function unfitOrder(given: unknown): Error {
  const isObject = typeof given === "object" && given !== null && !Array.isArray(given);
  if (!isObject || Object.keys(given).length === 0) {
    return refusal("cards/invalid", "无效的JSON数据");
  }
  const { code, machine_code: machine } = given as { code?: unknown; machine_code?: unknown };
  const isFilled = (field: unknown) => typeof field === "string" && field.trim() !== "";
  if (!isFilled(code) || !isFilled(machine)) {
    return refusal("cards/incomplete", "卡密和机器码不能为空");
  }
  if ((machine as string).trim().length > LIMITS.machineCodeCharacters) {
    return refusal("cards/invalid", `机器码不能超过${LIMITS.machineCodeCharacters}个字符`);
  }
  const advice =
    "machine_parts must be a list of texts; product and use_id must be texts of at most 50 and 64 characters.";
  return refusal("cards/invalid", advice);
}
