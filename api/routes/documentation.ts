import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { z } from "zod";
import { openApi } from "../openapi.ts";
import { DOCS_PAGE, DOCS_POLICY, DOCS_SCRIPT } from "../pages/docs.ts";
import { type Page, route, type Routes } from "../route.ts";

/** What the page at /docs is made of: files of swagger-ui-dist, and our own few lines that start it. */
const ASSETS = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
  "start.js": "text/javascript; charset=utf-8",
} as const;
type Asset = keyof typeof ASSETS;

/** `/openapi.json` and the page at `/docs`. `listed` is asked when they are called: it may list these too. */
export function documentationRoutes(listed: () => Routes) {
  return {
    readDescription: route({
      method: "get",
      path: "/openapi.json",
      summary: "This API in OpenAPI 3.1",
      access: "public",
      returns: "page",
      handle: ({ services: { version } }): Page => ({
        contentType: "application/json; charset=utf-8",
        body: JSON.stringify(openApi(listed(), version)),
      }),
    }),

    readDocs: route({
      method: "get",
      path: "/docs",
      summary: "This API, to read and to try out",
      access: "public",
      returns: "page",
      handle: (): Page => ({
        contentType: "text/html; charset=utf-8",
        body: DOCS_PAGE,
        headers: { "Content-Security-Policy": DOCS_POLICY },
      }),
    }),

    readDocsAsset: route({
      method: "get",
      path: "/docs/:asset",
      summary: "What the page at /docs is made of",
      access: "public",
      params: z.strictObject({ asset: z.enum(Object.keys(ASSETS) as [Asset, ...Asset[]]) }),
      returns: "page",
      handle: async ({ params: { asset } }): Promise<Page> => ({
        contentType: ASSETS[asset],
        body: asset === "start.js" ? DOCS_SCRIPT : await readFile(swaggerUi(asset)),
        headers: { "Cache-Control": "public, max-age=3600" },
      }),
    }),
  };
}

function swaggerUi(file: string): string {
  return createRequire(import.meta.url).resolve(`swagger-ui-dist/${file}`);
}
