import { createHash } from "node:crypto";
import { refusal } from "../../domain/errors.ts";
import type { Budget } from "../../platform/limiter.ts";
import { network } from "../middleware/limits.ts";
import type { Services } from "../services.ts";

/** Guards one sign-in against guessing. */
export interface SignInLimit {
  /** Refuses `request/too-many` when failures have used up the budget; call it right before the password is checked. */
  admit: () => Promise<void>;
  /** Counts a failure; refuses `request/too-many` when others used up the budget meanwhile. */
  countFailure: () => Promise<void>;
  forget: () => Promise<void>;
}

/**
 * Failures are counted per address and account name together, known name or not: a stranger who guesses locks out
 * neither the account's owner elsewhere nor other people behind his own address.
 */
export function limitSignIn(
  { limiter, env }: Pick<Services, "limiter" | "env">,
  address: string,
  login: string,
): SignInLimit {
  const rule = { name: "sign-in", ...env.LIMIT_SIGN_IN };
  const key = createHash("sha256")
    .update(`${network(address)}\n${login}`)
    .digest("base64url");
  return {
    admit: async () => {
      const budget = await limiter.peek(rule, key);
      if (!budget.allowed) throw tooMany(budget);
    },
    countFailure: async () => {
      const budget = await limiter.take(rule, key);
      if (!budget.allowed) throw tooMany(budget);
    },
    forget: () => limiter.reset(rule, key),
  };
}

/** The sentence and the headers of the client contract. */
function tooMany({ limit, resetSeconds }: Budget): Error {
  const seconds = Math.max(1, resetSeconds);
  return refusal("request/too-many", `登录请求过于频繁,请在 ${seconds} 秒后重试`, {
    headers: {
      "Retry-After": `${seconds}`,
      "X-RateLimit-Limit": `${limit}`,
      "X-RateLimit-Remaining": "0",
      "X-RateLimit-Reset": `${Math.floor(Date.now() / 1000) + seconds}`,
    },
  });
}
