import { refusal, refusalIn } from "../../../domain/errors.ts";
import type { Env } from "../../../platform/env.ts";
import type { Budget } from "../../../platform/limiter.ts";
import { network } from "../../middleware/limits.ts";
import type { Services } from "../../services.ts";

type Rate = Env["LIMIT_SIGN_IN"];
type Limited = Pick<Services, "limiter" | "env">;

/** The sentences of the client contract, and one of our own for what it does not know. */
const TOO_MANY = {
  "sign-in": (seconds: number) => `登录请求过于频繁,请在 ${seconds} 秒后重试`,
  register: (seconds: number) => `注册请求过于频繁,请在 ${seconds} 秒后重试`,
  totp: (seconds: number) =>
    `Too many tries of your second proof. Try again in ${seconds} seconds.`,
  codes: (seconds: number) => `验证码请求过于频繁,请在 ${seconds} 秒后重试`,
  "sign-in-start": (seconds: number) =>
    `Too many sign-ins were begun. Try again in ${seconds} seconds.`,
  invitations: (seconds: number) => `Too many invitations. Try again in ${seconds} seconds.`,
  tokens: (seconds: number) => `Too many failed tries. Try again in ${seconds} seconds.`,
};
type Sentence = keyof typeof TOO_MANY;

/** Guards one check of a secret against guessing. */
export interface GuessLimit {
  /** Refuses `request/too-many` when failures have used up the budget; call it right before the secret is checked. */
  admit: () => Promise<void>;
  /** Counts a failure; refuses `request/too-many` when others used up the budget meanwhile. */
  countFailure: () => Promise<void>;
  /** Admits, does `check`, and counts a failure when it refuses. */
  around: <T>(check: () => Promise<T>) => Promise<T>;
}

/**
 * Failures are counted per address, whatever was guessed; successes neither count nor forgive, or a guesser would sign
 * in as himself in between. `sign-in` is for passwords and codes, `tokens` for what is too long to be guessed.
 */
export function limitGuesses(
  { limiter, env }: Limited,
  kind: "sign-in" | "tokens",
  address: string,
): GuessLimit {
  const rule = { name: kind, ...(kind === "sign-in" ? env.LIMIT_SIGN_IN : env.LIMIT_TOKENS) };
  const key = network(address);
  const admit = async () => {
    const budget = await limiter.peek(rule, key);
    if (!budget.allowed) throw tooMany(kind, budget);
  };
  const countFailure = async () => {
    const budget = await limiter.take(rule, key);
    if (!budget.allowed) throw tooMany(kind, budget);
  };
  return {
    admit,
    countFailure,
    async around(check) {
      await admit();
      try {
        return await check();
      } catch (error) {
        if (refusalIn(error)) await countFailure();
        throw error;
      }
    },
  };
}

/** Takes a registration from the address's budget, or refuses `request/too-many`. */
export function limitRegistrations({ limiter, env }: Limited, address: string): Promise<void> {
  const rates = [env.LIMIT_REGISTER];
  return takeAll(limiter, "register", [{ name: "register", rates, key: network(address) }]);
}

/** Takes a sign-in by a provider that is begun from the address's budget, or refuses `request/too-many`. */
export function limitSignInStarts({ limiter, env }: Limited, address: string): Promise<void> {
  const rates = [env.LIMIT_SIGN_IN_START];
  return takeAll(limiter, "sign-in-start", [
    { name: "sign-in-start", rates, key: network(address) },
  ]);
}

/** Takes a message from the budgets of its recipient and of the address that asks for it, or refuses `request/too-many`. */
export function limitCodes(
  { limiter, env }: Limited,
  recipient: string,
  address: string,
): Promise<void> {
  return takeAll(limiter, "codes", [
    { name: "code-recipient", rates: env.LIMIT_SMS_PHONE, key: recipient },
    { name: "code-address", rates: [env.LIMIT_SMS_ADDRESS], key: network(address) },
  ]);
}

/** Takes a mailed invitation from the budgets of who sends it and of its address, or refuses `request/too-many`. */
export function limitInvitations(
  { limiter, env }: Limited,
  accountId: string,
  email: string | undefined,
): Promise<void> {
  const recipient = { name: "invitation-recipient", rates: env.LIMIT_SMS_PHONE };
  return takeAll(limiter, "invitations", [
    { name: "invitation-sender", rates: [env.LIMIT_INVITATIONS], key: accountId },
    ...(email === undefined ? [] : [{ ...recipient, key: email.toLowerCase() }]),
  ]);
}

/** All budgets are asked before one is touched: what is refused by one costs nothing of the others. */
async function takeAll(
  limiter: Services["limiter"],
  sentence: Sentence,
  budgets: { name: string; rates: readonly Rate[]; key: string }[],
): Promise<void> {
  const rules = budgets.flatMap(({ name, rates, key }) =>
    rates.map((rate) => ({ rule: { name, ...rate }, key })),
  );
  for (const turn of ["peek", "take"] as const) {
    for (const { rule, key } of rules) {
      const budget = await limiter[turn](rule, key);
      if (!budget.allowed) throw tooMany(sentence, budget);
    }
  }
}

/** Takes a try from the budget of an account's second proof, before it is known to be right, or refuses `request/too-many`. */
export async function limitTotp({ limiter, env }: Limited, accountId: string): Promise<void> {
  const budget = await limiter.take({ name: "totp", ...env.LIMIT_SIGN_IN }, accountId);
  if (!budget.allowed) throw tooMany("totp", budget);
}

/** The headers of the client contract. */
function tooMany(sentence: Sentence, { limit, resetSeconds }: Budget): Error {
  const seconds = Math.max(1, resetSeconds);
  return refusal("request/too-many", TOO_MANY[sentence](seconds), {
    headers: {
      "Retry-After": `${seconds}`,
      "X-RateLimit-Limit": `${limit}`,
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": `${Math.floor(Date.now() / 1000) + seconds}`,
    },
  });
}
