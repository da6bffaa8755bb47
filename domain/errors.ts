import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";

/** Every way we may say no, and the HTTP status it becomes. Codes are public: add new ones, never reuse old ones. */
export const REFUSALS = {
  "accounts/bad-credentials": 401,
  "accounts/not-signed-in": 401,
  "accounts/refresh-invalid": 401,
  "accounts/code-invalid": 400,
  "accounts/code-too-soon": 400,
  "accounts/email-registered": 400,
  "accounts/mail-not-configured": 503,
  "accounts/phone-registered": 400,
  "accounts/session-not-found": 404,
  "accounts/sms-not-configured": 503,
  "accounts/username-registered": 400,
  "accounts/not-allowed": 403,
  "accounts/api-key-invalid": 403,
  "accounts/api-key-not-found": 404,
  "accounts/api-key-unrestricted": 409,
  "accounts/not-a-service": 409,
  "accounts/own-account": 403,
  "accounts/refresh-not-found": 404,
  "accounts/rights-beyond-own": 403,
  "accounts/role-built-in": 409,
  "accounts/role-in-use": 409,
  "accounts/role-name-taken": 409,
  "accounts/role-not-found": 404,
  "accounts/scope-beyond-rights": 422,
  "accounts/already-member": 409,
  "accounts/invitation-not-found": 404,
  "accounts/member-not-found": 404,
  "accounts/team-full": 409,
  "accounts/team-not-found": 404,
  "accounts/team-owned": 409,
  "accounts/too-many-teams": 409,
  "accounts/challenge-invalid": 401,
  "accounts/wrong-password": 400,
  "accounts/totp-on": 409,
  "accounts/oidc-not-configured": 503,
  "accounts/oidc-away": 503,
  "accounts/oidc-refused": 400,
  "accounts/oidc-session-ended": 400,
  "accounts/oidc-email-claimed": 409,
  "accounts/oidc-taken": 409,
  "accounts/oidc-other": 409,
  "accounts/oidc-none": 404,
  "accounts/wechat-not-configured": 503,
  "accounts/wechat-away": 503,
  "accounts/wechat-refused": 400,
  "accounts/wechat-session-not-found": 404,
  "accounts/wechat-session-ended": 400,
  "accounts/wechat-taken": 400,
  "accounts/wechat-other": 400,
  "accounts/wechat-none": 400,
  "accounts/totp-off": 409,
  "accounts/totp-not-begun": 409,
  "auth/totp-required": 401,
  "auth/totp-invalid": 401,
  "auth/totp-setup-required": 403,
  "accounts/user-not-found": 404,
  "accounts/username-taken": 409,
  "billing/insufficient-balance": 400,
  "billing/operation-taken": 409,
  "billing/hold-not-found": 404,
  "billing/hold-ended": 409,
  "billing/refund-above-charge": 409,
  "billing/recharge-not-found": 404,
  "billing/recharge-decided": 409,
  "billing/alipay-not-configured": 503,
  "billing/notification-invalid": 400,
  "billing/payment-differs": 409,
  "billing/not-parked": 409,
  "billing/shortfall-not-found": 404,
  "billing/shortfall-settled": 409,
  "billing/shortfall-not-covered": 403,
  "billing/price-not-found": 404,
  "cards/batch-not-failed": 409,
  "cards/batch-not-found": 404,
  "cards/confirmation-needed": 409,
  "cards/no-room": 409,
  "cards/policy-name-taken": 409,
  "cards/policy-not-found": 404,
  "cards/policy-of-other-product": 422,
  "cards/product-needed": 422,
  "cards/product-not-found": 404,
  "cards/slug-taken": 409,
  "billing/usage-too-large": 422,
  "cards/banned": 403,
  "cards/count-exhausted": 403,
  "cards/expired": 403,
  "cards/incomplete": 400,
  "cards/invalid": 400,
  "cards/machine-mismatch": 403,
  "cards/machine-not-found": 404,
  "cards/not-found": 404,
  "cards/product-mismatch": 403,
  "cards/suspended": 403,
  "cards/too-many-machines": 403,
  "cards/unfit-state": 409,
  "cards/too-many-guesses": 429,
  "feeds/task-not-found": 403,
  "feeds/too-many-connections": 429,
  "operations/idempotency-in-flight": 409,
  "operations/idempotency-mismatch": 422,
  "packages/not-found": 404,
  "packages/version-not-found": 404,
  "packages/run-not-found": 404,
  "packages/no-icon": 404,
  "packages/not-installable": 404,
  "packages/not-published": 404,
  "packages/name-taken": 409,
  "packages/version-taken": 409,
  "packages/version-not-ready": 409,
  "packages/version-not-draft": 409,
  "packages/version-processing": 409,
  "packages/no-such-step": 422,
  "packages/no-such-input": 422,
  "packages/step-not-reached": 409,
  "packages/output-gone": 409,
  "packages/version-held": 409,
  "packages/version-not-held": 409,
  "packages/version-rejected": 403,
  "packages/version-yanked": 410,
  "packages/version-removed": 410,
  "packages/no-fallback": 409,
  "packages/name-mismatch": 422,
  "packages/run-not-parked": 409,
  "packages/run-under-way": 409,
  "packages/no-schedule": 404,
  "packages/run-not-cancellable": 409,
  "packages/run-ended": 409,
  "packages/not-distributing": 403,
  "packages/own-version": 403,
  "packages/processing-failed": 400,
  "packages/which-one": 400,
  "packages/type-changed": 422,
  "packages/digest-mismatch": 422,
  "packages/not-an-archive": 422,
  "packages/too-many-entries": 422,
  "packages/no-manifest": 422,
  "packages/empty-file": 422,
  "packages/tools-missing": 503,
  "packages/link-expired": 403,
  "packages/pipeline-unfit": 422,
  "pipelines/not-found": 404,
  "pipelines/name-taken": 409,
  "pipelines/in-use": 409,
  "pipelines/default": 409,
  "pipelines/invalid": 422,
  "webhooks/not-found": 404,
  "webhooks/delivery-not-found": 404,
  "webhooks/not-active": 409,
  "webhooks/address-refused": 422,
  "webhooks/event-beyond-rights": 422,
  "request/invalid": 422,
  "request/malformed": 400,
  "request/unsupported-media-type": 415,
  "request/too-large": 413,
  "request/cut-short": 400,
  "request/not-found": 404,
  "request/method-not-allowed": 405,
  "request/too-many": 429,
  "request/range-not-satisfiable": 416,
  "request/precondition-failed": 412,
  "request/too-slow": 408,
  "platform/busy": 503,
  "platform/not-ready": 503,
  "platform/storage-full": 507,
  "platform/bug": 500,
} as const;

export type RefusalCode = keyof typeof REFUSALS;

/** One thing that is wrong with a request: where it stands (`path`, dotted) and what to do about it. */
export interface Issue {
  path: string;
  message: string;
  /** The part of the request that `path` is in; the body when not said. */
  in?: "path" | "query" | "header" | "body";
}

/** What a refusal carries beside its sentence: faults, extra fields of the problem document, response headers. */
export interface RefusalExtras {
  issues?: Issue[];
  fields?: Record<string, unknown>;
  headers?: Record<string, string>;
}

/**
 * A "no" that the caller can act on, as opposed to a bug. `throw refusal(...)` means the same in a
 * route, an activity, a workflow and an update handler: Temporal carries it through unchanged and
 * never retries it.
 */
export function refusal(
  code: RefusalCode,
  message: string,
  extras: RefusalExtras = {},
): ApplicationFailure {
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
    details: [extras],
  });
}

/** The refusal inside an error, however deep Temporal wrapped it; undefined for a bug. */
export function refusalIn(
  error: unknown,
): { code: RefusalCode; message: string; extras: RefusalExtras } | undefined {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < 8; depth++) {
    if (cause instanceof ApplicationFailure && cause.type && cause.type in REFUSALS) {
      const [extras] = (cause.details ?? []) as [RefusalExtras?];
      return { code: cause.type as RefusalCode, message: cause.message, extras: extras ?? {} };
    }
    cause = cause.cause;
  }
  return undefined;
}
