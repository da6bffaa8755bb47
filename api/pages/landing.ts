import type { Page } from "../route.ts";

const TEXTS = {
  en: {
    lead: "A durable workflow platform: what was accepted is finished, whatever crashes on the way.",
    docs: "API documentation",
    description: "OpenAPI description",
    ready: "Readiness",
    version: "Version",
  },
  zh: {
    lead: "持久化工作流平台：一经受理的任务，无论途中发生何种故障，终会完成。",
    docs: "API 文档",
    description: "OpenAPI 描述",
    ready: "就绪状态",
    version: "版本",
  },
} as const;

/** The page a browser gets at `/`: what this is and where to read on. */
export function landingPage(
  language: keyof typeof TEXTS,
  version: string,
  headers: Record<string, string>,
): Page {
  const texts = TEXTS[language];
  return {
    contentType: "text/html; charset=utf-8",
    headers: {
      ...headers,
      "Content-Language": language === "zh" ? "zh-CN" : "en",
      "Content-Security-Policy":
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    },
    body: `<!doctype html>
<html lang="${language === "zh" ? "zh-CN" : "en"}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Longhaul</title>
  </head>
  <body>
    <h1>Longhaul</h1>
    <p>${texts.lead}</p>
    <ul>
      <li><a href="/docs">${texts.docs}</a></li>
      <li><a href="/openapi.json">${texts.description}</a></li>
      <li><a href="/ready">${texts.ready}</a></li>
    </ul>
    <p>${texts.version} ${version}</p>
  </body>
</html>
`,
  };
}
