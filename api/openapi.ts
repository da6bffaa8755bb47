import { z } from "zod";
import { LIMITS } from "../domain/limits.ts";
import { DIALECTS, type JsonSchema } from "./dialects/index.ts";
import { isRepeatable } from "./idempotency.ts";
import { NONCE_HEADER } from "./middleware/prove-answers.ts";
import type { DialectName, Route, Routes } from "./route.ts";

const FAILURES: Record<DialectName, string> = {
  native: "Problem",
  coded: "CodedFailure",
  status: "StatusFailure",
};

/** The OpenAPI 3.1 description of these routes; the same routes give the same text. */
export function openApi(routes: Routes, version: string): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  const listed = Object.entries(routes).sort(([a, { path: p }], [b, { path: q }]) =>
    `${p} ${a}` < `${q} ${b}` ? -1 : 1,
  );
  for (const [operationId, route] of listed) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: describeOperation(operationId, route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Longhaul",
      version,
      description: "A durable workflow platform for work that must not get lost.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
      schemas: Object.fromEntries(
        Object.entries(FAILURES).map(([name, schema]) => [
          schema,
          DIALECTS[name as DialectName].failureSchema,
        ]),
      ),
    },
  };
}

function describeOperation(operationId: string, route: Route): JsonSchema {
  const parameters = [
    ...parametersOf(route.params, "path"),
    ...parametersOf(route.query, "query"),
    ...(isRepeatable(route) ? [IDEMPOTENCY_KEY] : []),
    ...(route.proven ? [NONCE] : []),
  ];
  const requestBody = bodyOf(route);
  return {
    operationId,
    summary: route.summary,
    tags: [tagOf(route.path)],
    ...(typeof route.access === "string" && route.access.includes(":")
      ? { "x-permission": route.access }
      : {}),
    security: securityOf(route),
    ...(parameters.length > 0 && { parameters }),
    ...(requestBody && { requestBody }),
    responses: { ...successOf(route), ...failuresOf(route) },
  };
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  description: `The same key with the same request gets the stored outcome again, for ${LIMITS.idempotencyKeyHours} hours.`,
  schema: { type: "string", maxLength: LIMITS.idempotencyKeyCharacters },
};

const NONCE = {
  name: NONCE_HEADER,
  in: "header",
  description:
    "16 to 128 letters, digits, _ and - by chance: the answer is then signed with it (RFC 9421) by a key of /.well-known/card-keys.json.",
  schema: { type: "string", minLength: 16, maxLength: 128 },
};

function tagOf(path: string): string {
  return /^\/api\/v\d+\/([^/]+)/.exec(path)?.[1] ?? "platform";
}

function securityOf({ access, credential }: Route): JsonSchema[] {
  if (access === "public") return [];
  return credential === "api-key" ? [{ apiKey: [] }] : [{ bearer: [] }, { apiKey: [] }];
}

function parametersOf(schema: z.ZodType | undefined, place: "path" | "query"): JsonSchema[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = toSchema(schema, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

function bodyOf({ body, bodyType, form }: Route): JsonSchema | undefined {
  if (body) {
    const content = { [bodyType ?? "application/json"]: { schema: toSchema(body, "input") } };
    return { required: true, content };
  }
  if (!form) return undefined;
  const { properties, required, ...rest } = toSchema(form, "input") as {
    properties?: JsonSchema;
    required?: string[];
  };
  const file = { type: "string", contentMediaType: "application/octet-stream" };
  const schema = {
    ...rest,
    properties: { ...properties, file },
    required: [...(required ?? []), "file"],
  };
  return { required: true, content: { "multipart/form-data": { schema } } };
}

function successOf({
  returns,
  dialect = "native",
}: Pick<Route, "returns" | "dialect">): JsonSchema {
  const binary = { "application/octet-stream": {} };
  if (returns === "delivery") {
    return {
      200: { description: "The whole file", content: binary },
      206: { description: "The ranges that were asked for", content: binary },
      304: { description: "The client's copy is still right" },
      412: { description: "The file is not the one that If-Match or If-Unmodified-Since means" },
      416: { description: "None of the ranges is in the file" },
    };
  }
  if (returns === "text") {
    return { 200: { description: "Text as it comes", content: { "text/plain": {} } } };
  }
  if (returns === "events") {
    return { 200: { description: "Events as they come", content: { "text/event-stream": {} } } };
  }
  if (returns === "export") {
    return { 200: { description: "A file to be saved", content: { "*/*": {} } } };
  }
  if (returns === "page") return { 200: { description: "OK", content: { "*/*": {} } } };
  type Or = "export" | "nothing" | [number, z.ZodType];
  const [status, shape, or] = returns as [number, z.ZodType, Or?];
  if (status === 204) return { 204: { description: "Done" } };
  const schema = DIALECTS[dialect].successSchema(toSchema(shape, "output"), status);
  const content = { "application/json": { schema }, ...(or === "export" && { "text/csv": {} }) };
  return {
    [status]: { description: "OK", content },
    ...(or === "nothing" && { 204: { description: "There is nothing to say" } }),
    ...(Array.isArray(or) && successOf({ returns: or, dialect })),
  };
}

function failuresOf(route: Route): JsonSchema {
  const { dialect = "native" } = route;
  const schema = { $ref: `#/components/schemas/${FAILURES[dialect]}` };
  const content = { [DIALECTS[dialect].failureType]: { schema } };
  const statuses: [boolean, number, string][] = [
    [Boolean(route.body ?? route.form), 400, "The body is malformed or was cut short"],
    [route.access !== "public", 401, "Nobody is signed in"],
    [route.access !== "public", 403, "Who is signed in may not do this"],
    [Boolean(route.body ?? route.form), 413, "The body is too large"],
    [Boolean(route.body ?? route.form), 415, "The body has another type"],
    [
      Boolean(route.params ?? route.query ?? route.body ?? route.form ?? route.credential),
      422,
      "The request is invalid: everything that is wrong",
    ],
    [!route.unlimited, 429, "Too many requests: see Retry-After"],
    [true, 503, "The platform is not ready: see Retry-After"],
  ];
  const listed = statuses.filter(([applies]) => applies);
  return {
    ...Object.fromEntries(
      listed.map(([, status, description]) => [status, { description, content }]),
    ),
    default: { description: 'Any other "no"', content },
  };
}

function toSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return described;
}
