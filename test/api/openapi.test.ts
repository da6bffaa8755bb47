import { describe, expect, test } from "vitest";
import { z } from "zod";
import { openApi } from "../../api/openapi.ts";
import { route, type Routes } from "../../api/route.ts";
import { documentationRoutes } from "../../api/routes/documentation.ts";
import * as platform from "../../api/routes/platform.ts";
import { NOBODY, startApi } from "../support/api.ts";
import { uploading } from "../support/forms.ts";
import { things } from "../support/things.ts";

const query = route({
  method: "get",
  path: "/query",
  summary: "The client API",
  access: "packages:query",
  credential: "api-key",
  dialect: "coded",
  returns: [200, z.strictObject({ id: z.string() })],
  handle: () => ({ id: "1" }),
});

const kernel: Routes = { ...platform, ...documentationRoutes(() => kernel) };

// oxlint-disable-next-line typescript/no-explicit-any -- a document of every shape
const describeRoutes = (routes: Routes): any => openApi(routes, "1.2.3");

describe("the description of the API", () => {
  test("has every route, with its parameters, bodies and answers", () => {
    const { openapi, info, paths } = describeRoutes(things);

    expect(openapi).toBe("3.1.0");
    expect(info.version).toBe("1.2.3");
    expect(Object.keys(paths)).toEqual(["/things/{id}", "/things/search"]);
    expect(paths["/things/{id}"].get).toMatchObject({
      operationId: "readThing",
      security: [],
      parameters: [
        { name: "id", in: "path", required: true, schema: { type: "string" } },
        { name: "size", in: "query", required: false },
      ],
    });
    expect(paths["/things/{id}"].post).toMatchObject({
      operationId: "makeThing",
      security: [{ bearer: [] }, { apiKey: [] }],
      requestBody: {
        content: {
          "application/json": {
            schema: { required: ["name", "count"], additionalProperties: false },
          },
        },
      },
      responses: {
        201: { content: { "application/json": { schema: { required: ["id"] } } } },
        422: {
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
          },
        },
      },
    });
  });

  test("says where an Idempotency-Key is honoured", () => {
    const { makeThing } = things;
    const named = (routes: Routes) =>
      (describeRoutes(routes).paths["/things/{id}"].post.parameters as { name: string }[]).map(
        ({ name }) => name,
      );

    expect(named({ makeThing })).toContain("Idempotency-Key");
    expect(named({ makeThing: route({ ...makeThing, secret: true }) })).not.toContain(
      "Idempotency-Key",
    );
  });

  test("shows the envelope that a client expects", () => {
    const { get } = describeRoutes({ query }).paths["/query"];

    expect(get.security).toEqual([{ apiKey: [] }]);
    expect(get.responses[200].content["application/json"].schema).toMatchObject({
      properties: { code: { const: 200 }, data: { required: ["id"] } },
    });
    expect(get.responses.default.content["application/json"].schema.$ref).toBe(
      "#/components/schemas/CodedFailure",
    );
  });

  test("shows a form with its fields and its file", () => {
    const { post } = describeRoutes({ upload: uploading().upload }).paths["/upload"];

    expect(post.requestBody.content["multipart/form-data"].schema).toMatchObject({
      properties: {
        name: { type: "string" },
        file: { contentMediaType: "application/octet-stream" },
      },
      required: ["name", "file"],
    });
  });

  test("is the same text in whatever order the routes are listed", () => {
    const reversed = Object.fromEntries(Object.entries(things).toReversed());

    expect(JSON.stringify(describeRoutes(reversed))).toBe(JSON.stringify(describeRoutes(things)));
  });

  test("leaves no reference open", () => {
    const text = JSON.stringify(describeRoutes({ ...kernel, ...things, query }));
    const { components } = JSON.parse(text) as { components: { schemas: object } };

    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(0);
    expect(Object.keys(components.schemas)).toEqual(
      expect.arrayContaining(references.map(([, name]) => name)),
    );
    expect(text).not.toContain("$defs");
  });
});

describe("GET /openapi.json", () => {
  test("is the description of all that is served, itself too", async () => {
    const api = await startApi({ routes: kernel });

    const { status, body } = await api.call(NOBODY, "GET", "/openapi.json");

    expect(status).toBe(200);
    expect(Object.keys(body.paths as object)).toEqual(
      expect.arrayContaining(["/openapi.json", "/docs", "/health", "/metrics"]),
    );
  });
});

describe("GET /docs", () => {
  test("is a page that needs nothing from elsewhere, and nothing inline", async () => {
    const api = await startApi({ routes: kernel });

    const { headers, body } = await api.call(NOBODY, "GET", "/docs");

    const policy = headers.get("Content-Security-Policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(body).not.toMatch(/https?:|<script>|<style>|style=/);
  });
});

describe("GET /docs/:asset", () => {
  test("serves all that the page names", async () => {
    const api = await startApi({ routes: kernel });
    const { body: page } = await api.call(NOBODY, "GET", "/docs");
    const named = [...(page as string).matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, path]) => path!,
    );

    const answers = await Promise.all(named.map((path) => api.call(NOBODY, "GET", path)));

    expect(named).toHaveLength(4);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.map(({ headers }) => headers.get("Content-Type"))).toEqual([
      "image/png",
      "text/css; charset=utf-8",
      "text/javascript; charset=utf-8",
      "text/javascript; charset=utf-8",
    ]);
  });

  test("serves nothing else", async () => {
    const api = await startApi({ routes: kernel });

    expect((await api.call(NOBODY, "GET", "/docs/package.json")).status).toBe(422);
    expect((await api.call(NOBODY, "GET", "/docs/..%2Fpackage.json")).status).toBe(422);
  });
});
