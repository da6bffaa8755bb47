import { may } from "../../../domain/accounts.ts";
import { statusOf } from "../../../domain/cards.ts";
import { remainingHours, stateNow } from "../../../domain/cards/judgement.ts";
import { printShanghai } from "../../../domain/shanghai.ts";
import { findShownCard, sealedCode } from "../../../models/cards/index.ts";
import { NONCE_HEADER } from "../../middleware/prove-answers.ts";
import { route } from "../../route.ts";
import {
  HealthAnswer,
  StatusAnswer,
  StatusPath,
  StatusQuestion,
  ValidationAnswer,
  ValidationOrder,
} from "../../schemas/cards/clients.ts";
import { digestOf, noSuchCard, showCard, unfitOrder } from "./showing.ts";

export const validateCode = route({
  method: "post",
  path: "/api/validate",
  summary: "Ask whether a card is good for a machine; its first use activates it",
  access: "public",
  dialect: "status",
  hot: true,
  proven: true,
  body: ValidationOrder,
  unfit: unfitOrder,
  returns: [200, ValidationAnswer],
  async handle({ body, services, address, requestId, requestHeader }) {
    const card = await showCard(services, body, address);
    const now = new Date();
    return {
      message: "授权成功" as const,
      expire_at: card.expireAt && printShanghai(card.expireAt),
      remaining_hours: remainingHours(card.expireAt, now),
      uses_left: card.usesLeft,
      product: card.product,
      entitlements: card.entitlements,
      ...(requestHeader(NONCE_HEADER) && { asked: digestOf(body) }),
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
  proven: true,
  params: StatusPath,
  query: StatusQuestion,
  returns: [200, StatusAnswer],
  async handle({ actor, params, query, services, address, requestId }) {
    const { database, cardCodes, guesses } = services;
    const card = await guesses.lookUp(
      { address, machine: query.machine_code },
      params.code,
      async (whenFound) => {
        const found = await findShownCard(database, cardCodes.hashes(params.code));
        if (found) whenFound();
        return found;
      },
      noSuchCard,
    );
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
