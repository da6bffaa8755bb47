import type { Dialect } from "./index.ts";

/** Ours: bare objects, and RFC 9457 problem documents with `detail`, `code`, `request_id` and `issues`. */
export const native: Dialect = {
  failureType: "application/problem+json",
  success: (body) => body,
  failure: ({ code, status, message, extras }, requestId) => ({
    ...extras.fields,
    type: `/problems/${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    request_id: requestId,
    ...(extras.issues && { issues: extras.issues }),
  }),
  invalid: (issues, requestId) => ({
    type: "/problems/request/invalid",
    title: "Invalid",
    status: 422,
    detail: issues.map(({ path, message }) => `${path || "body"}: ${message}`).join("; "),
    code: "request/invalid",
    request_id: requestId,
    issues,
  }),
  successSchema: (body) => body,
  failureSchema: {
    type: "object",
    description: "An RFC 9457 problem document",
    properties: {
      type: { type: "string", description: "`/problems/<code>`" },
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "One sentence that says what to do" },
      code: { type: "string", description: "What is wrong: stable, for programs" },
      request_id: { type: "string" },
      issues: {
        type: "array",
        description: "Everything that is wrong with the request",
        items: {
          type: "object",
          properties: {
            path: { type: "string" },
            in: { enum: ["path", "query", "header", "body"] },
            message: { type: "string" },
          },
          required: ["path", "message"],
        },
      },
    },
    required: ["type", "title", "status", "detail", "code", "request_id"],
  },
};

function titleOf(code: string): string {
  const words = code.slice(code.indexOf("/") + 1).replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
