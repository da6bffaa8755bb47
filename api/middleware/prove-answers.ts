import type { CardProofs } from "../../platform/card-proofs.ts";
import type { Step } from "../context.ts";

/** The request header whose text comes back in a signature. */
export const NONCE_HEADER = "X-Nonce";
/** What may stand in it: whoever wants a proof gets none for anything else. */
const NONCE = /^[\w-]{16,128}$/;

/** Signs what is answered by routes that are `proven`, a "no" as well, for clients that ask for it by a nonce. */
export function proveAnswers(proofs: CardProofs): Step {
  return (ctx) => {
    if (!ctx.state.found.route?.proven) return;
    const nonce = ctx.get(NONCE_HEADER);
    const { status, body } = ctx;
    if (!NONCE.test(nonce) || typeof body !== "string") return;
    ctx.set(proofs.prove({ status, body, nonce, at: new Date() }));
  };
}
