import type { Dialect } from "./index.ts";

/** The card client API's: `status` says `success` or `error`, the rest stands beside it. */
export const status: Dialect = {
  failureType: "application/json",
  success: (body) => ({ status: "success", ...(body as object | undefined) }),
  failure: ({ code, message, extras }, requestId) => ({
    ...extras.fields,
    status: "error",
    message,
    code,
    request_id: requestId,
  }),
  invalid: (issues, requestId) => ({
    status: "error",
    message: issues.map(({ path, message }) => `${path || "body"}: ${message}`).join("; "),
    code: "request/invalid",
    request_id: requestId,
    issues,
  }),
  successSchema: (body) => ({
    allOf: [
      { type: "object", properties: { status: { const: "success" } }, required: ["status"] },
      body,
    ],
  }),
  failureSchema: {
    type: "object",
    properties: {
      status: { const: "error" },
      message: { type: "string" },
      code: { type: "string" },
      request_id: { type: "string" },
    },
    required: ["status", "message", "code", "request_id"],
  },
};
