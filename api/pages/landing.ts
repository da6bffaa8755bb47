import type { Page } from "../route.ts";
import { markup } from "./markup.ts";

const TEXTS = {
  en: {
    lead: "A durable workflow platform: what was accepted is finished, whatever crashes on the way.",
    cards: "Card keys",
    validate: "ask whether a card is good; its first use activates it",
    status: "where a card stands",
    health: "whether the card service answers",
    keys: "public keys of signed answers and licences",
    platform: "Platform",
    docs: "API documentation",
    description: "OpenAPI description",
    ready: "Readiness",
    version: "Version",
  },
  zh: {
    lead: "持久化工作流平台：一经受理的任务，无论途中发生何种故障，终会完成。",
    cards: "卡密",
    validate: "验证卡密，首次使用即激活",
    status: "查询卡密状态",
    health: "卡密服务是否正常",
    keys: "签名应答与授权文件的公钥",
    platform: "平台",
    docs: "API 文档",
    description: "OpenAPI 描述",
    ready: "就绪状态",
    version: "版本",
  },
} as const;

/** What the page says of the platform that shows it. */
interface Shown {
  version: string;
  publicUrl: string;
}

/** The page a browser gets at `/`: what this is, where its clients go, and where to read on. */
export function landingPage(
  language: keyof typeof TEXTS,
  { version, publicUrl }: Shown,
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
    body: markup`<!doctype html>
<html lang="${language === "zh" ? "zh-CN" : "en"}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Longhaul</title>
  </head>
  <body>
    <h1>Longhaul</h1>
    <p>${texts.lead}</p>
    <h2>${texts.cards}</h2>
    <ul>
      <li><code>POST ${publicUrl}/api/validate</code> — ${texts.validate}</li>
      <li><code>GET ${publicUrl}/api/status/{code}</code> — ${texts.status}</li>
      <li><a href="/api/health">/api/health</a> — ${texts.health}</li>
      <li><a href="/.well-known/card-keys.json">/.well-known/card-keys.json</a> — ${texts.keys}</li>
    </ul>
    <h2>${texts.platform}</h2>
    <ul>
      <li><a href="/docs">${texts.docs}</a></li>
      <li><a href="/openapi.json">${texts.description}</a></li>
      <li><a href="/ready">${texts.ready}</a></li>
    </ul>
    <p>${texts.version} ${version}</p>
  </body>
</html>
`.text,
  };
}
