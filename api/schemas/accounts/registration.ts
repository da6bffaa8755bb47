import { z } from "zod";
import { LIMITS } from "../../../domain/limits.ts";
import type { Account, Session } from "../../../models/accounts.ts";
import { LoginOut, presentUser, UserOut } from "../accounts.ts";

/** A mobile number of mainland China, the only ones that codes are sent to. */
const Phone = z.string().regex(/^1[3-9]\d{9}$/, "手机号格式不正确");
/** An e-mail address; letter case does not count. */
const Email = z.string().trim().toLowerCase().pipe(z.email("must be an e-mail address").max(255));
/** Six digits that were sent to a phone or by mail. */
const Digits = z.string().regex(/^\d{6}$/, "must be six digits");
/** A password as it is chosen. */
const NewPassword = z.string().min(LIMITS.passwordCharacters).max(100);

/** A name that a person chooses; eleven digits would be a phone number at sign-in. */
const Username = z
  .string()
  .min(3)
  .max(50)
  .regex(/^[A-Za-z0-9_]+$/, "must consist of letters, digits and _")
  .refine((name) => !/^\d{11}$/.test(name), "must not look like a phone number");

const PhoneForm = z.strictObject({
  username: Username,
  phone: Phone,
  verification_code: Digits,
  password: NewPassword,
});
const EmailForm = z.strictObject({
  username: Username,
  email: Email,
  password: NewPassword,
  phone: Phone.nullish(),
});

type Either<A extends z.ZodType, B extends z.ZodType> = z.ZodType<z.output<A> | z.output<B>>;

/** One of two forms, chosen before anything is checked: the faults that are told are of the form that was meant. */
function eitherForm<A extends z.ZodType, B extends z.ZodType>(
  isFirst: (given: object) => boolean,
  first: A,
  second: B,
): Either<A, B> {
  const chosen = z.looseObject({}).transform((given, context) => {
    const { success, data, error } = (isFirst(given) ? first : second).safeParse(given);
    if (success) return data;
    context.issues.push(...(error.issues as never[]));
    return z.NEVER;
  });
  return chosen.meta({ anyOf: [first, second].map(described) });
}

function described(schema: z.ZodType): object {
  const { $schema: _, ...text } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return text;
}

export const RegisterBody = eitherForm(
  (given) => "phone" in given && "verification_code" in given,
  PhoneForm,
  EmailForm,
);
export const RegisterOut = LoginOut.extend({
  /** Whether the address was confirmed by its code; not told of registrations by phone. */
  email_verified: z.boolean().optional(),
});

const ToPhone = z.strictObject({ phone: Phone });
const ToEmail = z.strictObject({ email: Email });
/** Where a code is sent. */
export const SendCodeBody = eitherForm((given) => !("email" in given), ToPhone, ToEmail);
export const SendCodeOut = z.strictObject({
  success: z.literal(true),
  message: z.string(),
  request_id: z.string(),
});

export const VerifyEmailBody = z.strictObject({ email: Email, verification_code: Digits });

const secretly = { verification_code: Digits, password: NewPassword };
export const ResetPasswordBody = eitherForm(
  (given) => !("email" in given),
  ToPhone.extend(secretly),
  ToEmail.extend(secretly),
);

export const ChangePasswordBody = z.strictObject({
  current_password: z.string().min(1).max(200),
  new_password: NewPassword,
});

/** What people see of themselves. */
export const MeOut = UserOut.extend({
  /** Yuan, with two decimals. */
  balance: z.string(),
  updated_at: z.iso.datetime({ offset: true }),
});

/** What people change of themselves; what is not sent stays. */
export const MeBody = z
  .strictObject({
    username: Username.optional(),
    email: Email.optional(),
    /** Needed where a confirmed address is to be another one: it is what a lost password is set anew by. */
    current_password: z.string().min(1).max(200).optional(),
    phone: Phone.optional(),
    /** With the code that was sent to `phone` the number counts at once. */
    verification_code: Digits.optional(),
    avatar: z.string().max(255).nullish(),
  })
  .refine(({ phone, verification_code: digits }) => digits === undefined || phone !== undefined, {
    path: ["phone"],
    message: "must come with its verification_code",
  });

export const SessionOut = z.strictObject({
  id: z.uuid(),
  /** What the client called itself. */
  device: z.string(),
  address: z.string(),
  created_at: z.iso.datetime({ offset: true }),
  last_used_at: z.iso.datetime({ offset: true }),
  expires_at: z.iso.datetime({ offset: true }),
  /** Whether it is the one that asks. */
  is_current: z.boolean(),
});
export const SessionsOut = z.strictObject({
  items: z.array(SessionOut),
  next: z.string().nullable(),
});
export const SessionId = z.strictObject({ id: z.string().max(64) });
export const SessionsEnded = z.strictObject({
  message: z.string(),
  success: z.literal(true),
  /** How many there were. */
  ended: z.int(),
});

/** An account as its owner sees it among their own things; `balance` is in fen. */
export function presentMe(account: Account, balance: number): z.input<typeof MeOut> {
  return {
    ...presentUser(account, balance),
    balance: (balance / 100).toFixed(2),
    updated_at: account.updatedAt.toISOString(),
  };
}

/** A session as its owner sees it; `current` is the id of the one that asks. */
export function presentSession(
  session: Session,
  current: string | undefined,
): z.input<typeof SessionOut> {
  return {
    id: session.id,
    device: session.userAgent,
    address: session.address,
    created_at: session.createdAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
    is_current: session.id === current,
  };
}
