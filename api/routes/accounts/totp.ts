import type { Actor } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  Account,
  beginTotp,
  confirmTotp,
  recoveryCodesLeft,
  renewRecoveryCodes,
  totpBegun,
  totpOn,
  turnOffTotp,
} from "../../../models/accounts.ts";
import { qrSvg } from "../../../platform/qr.ts";
import { makeRecoveryCode, makeTotpSecret, totpAddress } from "../../../platform/totp.ts";
import { assertPerson, needsTotp } from "../../policies/accounts.ts";
import { limitGuesses, limitTotp } from "../../policies/accounts/limits.ts";
import {
  assertSecondProof,
  findChallenged,
  recoveryHash,
  sealTotp,
  stepOf,
  wrongDigits,
} from "../../policies/accounts/second-proof.ts";
import { type Call, route } from "../../route.ts";
import { Done, LoginOut } from "../../schemas/accounts.ts";
import {
  BeginTotpBody,
  ChallengeBody,
  ChangeTotpBody,
  ConfirmTotpBody,
  NewTotpOut,
  RecoveryCodesOut,
  TotpOut,
} from "../../schemas/accounts/totp.ts";
import { startSession } from "../../sessions.ts";

const ISSUER = "Longhaul";

export const answerChallenge = route({
  method: "post",
  path: "/api/v1/auth/challenge",
  summary: "Finish a sign-in that was answered auth/totp-required, with its challenge",
  access: "public",
  secret: true,
  body: ChallengeBody,
  returns: [200, LoginOut],
  async handle(call) {
    const { services, address, body } = call;
    const guesses = limitGuesses(services, "tokens", address);
    const account = await guesses.around(() => findChallenged(services, body.challenge));
    const signedIn = await startSession(call, account, { totp: body.totp });
    if (!signedIn) throw refusal("accounts/challenge-invalid", "Begin your sign-in again.");
    return signedIn;
  },
});

export const showTotp = route({
  method: "get",
  path: "/api/v1/auth/totp",
  summary: "Whether your sign-in asks for a second proof, and how many recovery codes are left",
  access: "signed-in",
  returns: [200, TotpOut],
  async handle({ actor, services }) {
    const account = await ownAccount(actor);
    return {
      enabled: (await totpOn(account.id)) !== null,
      required: needsTotp(services.env, account),
      recovery_codes_left: await recoveryCodesLeft(account.id),
    };
  },
});

export const beginTotpSetup = route({
  method: "post",
  path: "/api/v1/auth/totp",
  summary: "Get a secret for your authenticator app; it counts once its first digits were shown",
  access: "signed-in",
  secret: true,
  body: BeginTotpBody,
  returns: [201, NewTotpOut],
  async handle(call) {
    const { actor, services, address, requestId } = call;
    const account = await provenOwner(call);
    const secret = makeTotpSecret();
    const sealed = sealTotp(services.secretKey, account.id, secret);
    const origin = { actor, address, requestId };
    if (!(await beginTotp(services.database, account.id, sealed, origin))) {
      throw refusal("accounts/totp-on", "Your second proof is on. Turn it off to change the app.");
    }
    const otpauth = totpAddress(secret, account.username, ISSUER);
    return { secret, otpauth_url: otpauth, qr_svg: qrSvg(otpauth) };
  },
});

export const confirmTotpSetup = route({
  method: "post",
  path: "/api/v1/auth/totp/confirm",
  summary: "Turn the second proof on by the app's first digits; shows the recovery codes once",
  access: "signed-in",
  secret: true,
  body: ConfirmTotpBody,
  returns: [200, RecoveryCodesOut],
  async handle({ actor, body, services, address, requestId }) {
    const account = await ownAccount(actor);
    const begun = await totpBegun(account.id);
    if (!begun) throw refusal("accounts/totp-not-begun", "Get a secret for your app first.");
    await limitTotp(services, account.id);
    const step = stepOf(services.secretKey, begun, body.totp);
    if (step === undefined) throw wrongDigits();
    const { codes, hashes } = makeCodes(account.id);
    const origin = { actor, address, requestId };
    const proof = { step, recoveryHashes: hashes };
    if (!(await confirmTotp(services.database, begun, proof, origin))) throw wrongDigits();
    return { recovery_codes: codes };
  },
});

export const renewTotpRecoveryCodes = route({
  method: "post",
  path: "/api/v1/auth/totp/recovery-codes",
  summary: "Get new recovery codes, shown once; the old ones are dead",
  access: "signed-in",
  secret: true,
  body: ChangeTotpBody,
  returns: [200, RecoveryCodesOut],
  async handle(call) {
    const { actor, services, address, requestId } = call;
    const account = await twiceProvenOwner(call);
    const { codes, hashes } = makeCodes(account.id);
    const origin = { actor, address, requestId };
    await renewRecoveryCodes(services.database, account.id, hashes, origin);
    return { recovery_codes: codes };
  },
});

export const disableTotp = route({
  method: "post",
  path: "/api/v1/auth/totp/disable",
  summary: "Turn the second proof off",
  access: "signed-in",
  secret: true,
  body: ChangeTotpBody,
  returns: [200, Done],
  async handle(call) {
    const { actor, services, address, requestId } = call;
    const account = await twiceProvenOwner(call);
    await turnOffTotp(services.database, account.id, { actor, address, requestId });
    return { message: "Two-factor sign-in is off", success: true as const };
  },
});

type OwnCall<B> = Call<unknown, unknown, B, unknown, "signed-in">;

async function ownAccount(actor: Actor): Promise<Account> {
  assertPerson(actor);
  return Account.findByPk(actor.accountId, { rejectOnEmpty: true });
}

/** Who has a stranger's token still lacks the password. */
async function provenOwner({ actor, services, address, body }: OwnCall<{ password: string }>) {
  const account = await ownAccount(actor);
  const guesses = limitGuesses(services, "sign-in", address);
  const { passwords } = services;
  if (await passwords.verify(account.passwordHash, body.password, guesses.admit)) return account;
  await guesses.countFailure();
  throw refusal("accounts/wrong-password", "This is not your password.");
}

async function twiceProvenOwner(call: OwnCall<{ password: string; totp: string }>) {
  const account = await provenOwner(call);
  if (!(await totpOn(account.id))) {
    throw refusal("accounts/totp-off", "Your second proof is not on.");
  }
  await assertSecondProof(call, account, call.body.totp);
  return account;
}

function makeCodes(accountId: string): { codes: string[]; hashes: string[] } {
  const codes = Array.from({ length: LIMITS.recoveryCodes }, makeRecoveryCode);
  return { codes, hashes: codes.map((code) => recoveryHash(accountId, code)) };
}
