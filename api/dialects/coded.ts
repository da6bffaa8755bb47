import type { Issue } from "../../domain/errors.ts";
import { MISSING } from "../validation.ts";
import type { Dialect } from "./index.ts";

/** The package client API's: `{code, message, data}`, where a success has the code 200 whatever its status. */
export const coded: Dialect = {
  failureType: "application/json",
  success: (body) => ({ code: 200, message: "success", data: body ?? null }),
  failure: ({ code, status, message, extras }, requestId) => ({
    ...extras.fields,
    code: status,
    message,
    data: null,
    error_code: code,
    request_id: requestId,
  }),
  invalid: (issues, requestId) => ({
    code: 422,
    message: "Validation Error",
    data: issues.map(located),
    error_code: "request/invalid",
    request_id: requestId,
  }),
  successSchema: (body) => ({
    type: "object",
    properties: { code: { const: 200 }, message: { const: "success" }, data: body },
    required: ["code", "message", "data"],
  }),
  failureSchema: {
    type: "object",
    properties: {
      code: { type: "integer", description: "The HTTP status" },
      message: { type: "string" },
      data: { description: "The faults of an invalid request, else null" },
      error_code: { type: "string" },
      request_id: { type: "string" },
    },
    required: ["code", "message", "data", "error_code", "request_id"],
  },
};

function located({ path, message, in: place = "body" }: Issue) {
  const type = message === MISSING ? "missing" : "value_error";
  return { type, loc: [place, ...path.split(".").filter(Boolean)], msg: message };
}
