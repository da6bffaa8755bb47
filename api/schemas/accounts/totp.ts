import { z } from "zod";

/** Six digits of the app, or a recovery code. */
export const Totp = z.string().min(6).max(40);
const Digits = z.string().regex(/^\d{6}$/, "must be six digits");
const Password = z.string().min(1).max(200);

export const BeginTotpBody = z.strictObject({ password: Password });
export const ConfirmTotpBody = z.strictObject({ totp: Digits });
export const ChangeTotpBody = z.strictObject({ password: Password, totp: Totp });
export const ChallengeBody = z.strictObject({ challenge: z.string().max(200), totp: Totp });

export const TotpOut = z.strictObject({
  enabled: z.boolean(),
  /** True when this account may do nothing of its role without it. */
  required: z.boolean(),
  recovery_codes_left: z.int(),
});

/** The only answer that ever holds the secret. */
export const NewTotpOut = z.strictObject({
  secret: z.string(),
  otpauth_url: z.string(),
  qr_svg: z.string(),
});

/** The only answer that ever holds the codes. */
export const RecoveryCodesOut = z.strictObject({ recovery_codes: z.array(z.string()) });
