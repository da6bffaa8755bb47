import { type Actor, may } from "../../domain/accounts.ts";
import { refusal, refusalIn } from "../../domain/errors.ts";
import type { AsyncStep, Context, RequestState } from "../context.ts";
import type { Route } from "../route.ts";

/** What a client shows to say who it is: one of both. */
export interface Credentials {
  bearer?: string;
  apiKey?: string;
}

/** Who these credentials belong to. Refuses `accounts/not-signed-in` or `accounts/api-key-invalid`. */
export type Authenticate = (credentials: Credentials, address: string) => Actor | Promise<Actor>;

/** Finds out who is asking. Nobody is refused here: whether somebody must be there is for the guard to say. */
export function signIn(authenticate: Authenticate): AsyncStep {
  return (ctx) => {
    const credentials = credentialsOf(ctx);
    if (!credentials) return undefined;
    const { state } = ctx;
    const actor = authenticate(credentials, state.address);
    if (actor instanceof Promise) return actor.then(believe(state), excuse(state));
    state.actor = actor;
    return undefined;
  };
}

const believe = (state: RequestState) => (actor: Actor) => {
  state.actor = actor;
};

const excuse = (state: RequestState) => (error: Error) => {
  if (!refusalIn(error)) throw error;
  state.signInFault = error;
};

/** True when the route takes an API key alone and the client sent none: a fault of the request, told with the others. */
export function lacksApiKey(ctx: Context, route: Route): boolean {
  return route.credential === "api-key" && !ctx.get("X-API-Key");
}

/** Refuses who may not call `route`. A bad credential does no harm where none is needed. */
export function guard(ctx: Context, { access, perPackage }: Route): void {
  if (access === "public") return;
  const { actor, signInFault } = ctx.state;
  if (signInFault) throw signInFault;
  if (!actor) throw refusal("accounts/not-signed-in", "Sign in first: this needs a valid token.");
  if (perPackage && actor.packages) return;
  if (access !== "signed-in" && actor.lacksTotp) {
    const todo = "Administrators need a second proof here. Turn it on: POST /api/v1/auth/totp.";
    throw refusal("auth/totp-setup-required", todo);
  }
  if (access !== "signed-in" && !may(actor, access)) {
    throw refusal("accounts/not-allowed", `This needs the permission ${access}.`);
  }
}

function credentialsOf(ctx: Context): Credentials | undefined {
  const apiKey = ctx.get("X-API-Key");
  const bearer = /^Bearer +(\S+)$/i.exec(ctx.get("Authorization"))?.[1];
  if (bearer && ctx.state.found.route?.credential !== "api-key") return { bearer };
  return apiKey ? { apiKey } : undefined;
}
