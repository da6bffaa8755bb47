import { printShanghai } from "../../domain/shanghai.ts";
import type { RefusalCode } from "../../domain/errors.ts";
import type { Dialect } from "./index.ts";

/** `MACHINE_MISMATCH` for `cards/machine-mismatch`. */
const wordOf = (code: RefusalCode) =>
  code
    .slice(code.indexOf("/") + 1)
    .replaceAll("-", "_")
    .toUpperCase();

/** The card client API's: `status` says `success` or `error`, the rest stands beside it. */
export const status: Dialect = {
  failureType: "application/json",
  success: (body) => ({ status: "success", ...(body as object | undefined) }),
  failure: ({ code, message, extras }, requestId) => ({
    ...extras.fields,
    status: "error",
    message,
    code: wordOf(code),
    server_time: printShanghai(new Date()),
    request_id: requestId,
  }),
  invalid: (issues, requestId) => ({
    status: "error",
    message: issues.map(({ path, message }) => `${path || "body"}: ${message}`).join("; "),
    code: wordOf("request/invalid"),
    server_time: printShanghai(new Date()),
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
      code: { type: "string", description: "What is wrong: stable, for programs" },
      server_time: { type: "string" },
      request_id: { type: "string" },
    },
    required: ["status", "message", "code", "server_time", "request_id"],
  },
};
