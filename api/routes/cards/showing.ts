import type { z } from "zod";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { type ShownCard, validateCard } from "../../../models/cards/index.ts";
import { sha256 } from "../../../platform/crypto.ts";
import type { ValidationOrder } from "../../schemas/cards/clients.ts";
import type { Services } from "../../services.ts";

type Order = z.output<typeof ValidationOrder>;

/** The card that is shown and good for its machine, which it now belongs to. Refuses what is not, and who guesses. */
export function showCard(services: Services, order: Order, address: string): Promise<ShownCard> {
  const { database, cardCodes, env, guesses } = services;
  const { code, machine_code: machineCode, machine_parts: machineParts = null } = order;
  const machine = { machineCode, machineParts };
  const defaults = { termSeconds: env.CARD_TERM, mostRuns: env.CARD_TIMERS };
  return guesses.lookUp(
    { address, machine: machineCode },
    code,
    (whenFound) => {
      const hashes = cardCodes.hashes(code);
      const showing = { hashes, machine, product: order.product, useId: order.use_id, whenFound };
      return validateCard(database, showing, defaults);
    },
    noSuchCard,
  );
}

/** What an answer was asked for: nobody can pass one off as the answer to somebody else's question. */
export function digestOf({ code, machine_code: machineCode }: Order): string {
  return sha256(`${code}\n${machineCode}`);
}

/** The contract's 404. */
export function noSuchCard(): Error {
  return refusal("cards/not-found", "卡密不存在");
}

/** The contract's words for a body that is no order. */
export function unfitOrder(given: unknown): Error {
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
