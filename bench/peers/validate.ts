import { randomUUID } from "node:crypto";
import type { IncomingMessage, RequestListener } from "node:http";
import Koa from "koa";
import { createPool, type RowDataPacket } from "mysql2/promise";
import { remainingHours } from "../../domain/cards/judgement.ts";
import { printShanghai } from "../../domain/shanghai.ts";
import { SHOWN_CARD } from "../../models/cards/showing.ts";
import { cardKeys, openCardCodes } from "../../platform/card-codes.ts";

/** What a connection pool is given when nobody thinks about it longer. */
const CONNECTIONS = 16;

/** A bare Koa that finds a card by its keyed hash, as the product does, and says whether it is good for the machine. */
export function answerValidations(databaseUrl = "", secretKey = ""): RequestListener {
  const pool = createPool({
    uri: databaseUrl,
    connectionLimit: CONNECTIONS,
    timezone: "+00:00",
  });
  const codes = openCardCodes(cardKeys(secretKey, []));
  const listener = new Koa()
    .use(async (ctx) => {
      const order = JSON.parse(await bodyOf(ctx.req)) as Record<string, unknown>;
      const { code, machine_code: machine } = order;
      if (typeof code !== "string" || typeof machine !== "string") return ctx.throw(400);
      const [rows] = await pool.execute<RowDataPacket[]>(SHOWN_CARD.question, [codes.hash(code)]);
      const [card] = rows;
      if (!card) return ctx.throw(404);
      const now = new Date();
      const isGood =
        card["state"] === "active" &&
        !card["frozen"] &&
        !card["revoked"] &&
        (card["expire_at"] === null || card["expire_at"] > now) &&
        card["machine_code"] === machine;
      if (!isGood) return ctx.throw(403);
      ctx.body = {
        status: "success",
        message: "授权成功",
        expire_at: card["expire_at"] && printShanghai(card["expire_at"]),
        remaining_hours: remainingHours(card["expire_at"], now),
        uses_left: card["uses_left"],
        product: card["slug"],
        entitlements: JSON.parse(card["entitlements"] ?? "[]"),
        code: "VALID",
        server_time: printShanghai(now),
        request_id: randomUUID(),
      };
    })
    .callback();
  return (request, response) => void listener(request, response);
}

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.once("end", () => resolve(body)).once("error", reject);
  });
}
