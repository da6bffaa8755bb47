import { printShanghai } from "../../../domain/shanghai.ts";
import { newId } from "../../../platform/crypto.ts";
import { route } from "../../route.ts";
import { CardKeySet, LicenceAnswer, ValidationOrder } from "../../schemas/cards/clients.ts";
import { showCard, unfitOrder } from "./showing.ts";

/** How long clients may keep the public keys. */
const KEYS_SECONDS = 300;

export const issueLicence = route({
  method: "post",
  path: "/api/licence",
  summary: "Validate a card and get a licence that its machine can check without a network",
  access: "public",
  dialect: "status",
  proven: true,
  body: ValidationOrder,
  unfit: unfitOrder,
  returns: [200, LicenceAnswer],
  async handle({ body, services, address, requestId }) {
    const { cardProofs, env } = services;
    const card = await showCard(services, body, address);
    const now = new Date();
    const own = new Date(now.getTime() + env.CARD_LICENCE_TERM * 1000);
    const end = card.expireAt && card.expireAt < own ? card.expireAt : own;
    const licence = cardProofs.certify({
      iss: env.publicUrl,
      jti: newId(),
      sub: card.id,
      iat: Math.floor(now.getTime() / 1000),
      exp: Math.floor(end.getTime() / 1000),
      machine_code: body.machine_code,
      product: card.product,
      entitlements: card.entitlements,
    });
    return {
      message: "授权成功" as const,
      licence,
      licence_expire_at: printShanghai(end),
      expire_at: card.expireAt && printShanghai(card.expireAt),
      code: "VALID",
      server_time: printShanghai(now),
      request_id: requestId,
    };
  },
});

export const readCardKeys = route({
  method: "get",
  path: "/.well-known/card-keys.json",
  summary: "The public keys of signed answers and licences, by their ids",
  access: "public",
  unlimited: true,
  returns: [200, CardKeySet],
  handle({ services, header }) {
    header("Cache-Control", `public, max-age=${KEYS_SECONDS}`);
    return { keys: [...services.cardProofs.publicKeys] };
  },
});
