import { z } from "zod";
import { refusal } from "../../domain/errors.ts";
import { type Page, route } from "../route.ts";
import { landingPage } from "../pages/landing.ts";

const always = { access: "public", unlimited: true } as const;

/** Where clients of cards go. */
const CARDS = {
  validate: "/api/validate",
  status: "/api/status/{code}",
  health: "/api/health",
  keys: "/.well-known/card-keys.json",
};

export const readWelcome = route({
  method: "get",
  path: "/",
  summary: "What this is and where to read on, as JSON or as a page",
  access: "public",
  returns: "page",
  handle({ prefers, services: { version, env } }): Page {
    const headers = { Vary: "Accept, Accept-Language" };
    if (prefers("accept", ["json", "html"]) === "html") {
      const language = prefers("accept-language", ["en", "zh"]) === "zh" ? "zh" : "en";
      return landingPage(language, { version, publicUrl: env.publicUrl }, headers);
    }
    const words = { message: "Longhaul", version, docs: "/docs", api: "/api/v1", cards: CARDS };
    return { contentType: "application/json; charset=utf-8", body: JSON.stringify(words), headers };
  },
});

export const readHealth = route({
  ...always,
  method: "get",
  path: "/health",
  summary: "How the platform is: 200 as long as it can say so",
  returns: [
    200,
    z.strictObject({
      status: z.enum(["healthy", "degraded"]),
      version: z.string(),
      service: z.literal("longhaul"),
    }),
  ],
  async handle({ services }) {
    const { ready } = await services.readiness();
    const status = ready ? ("healthy" as const) : ("degraded" as const);
    return { status, version: services.version, service: "longhaul" as const };
  },
});

export const readLiveness = route({
  ...always,
  method: "get",
  path: "/live",
  summary: "The process answers: restart it when it does not",
  returns: [200, z.strictObject({ status: z.literal("live") })],
  handle: () => ({ status: "live" as const }),
});

const Checks = z.record(
  z.string(),
  z.strictObject({ ok: z.boolean(), detail: z.string().optional() }),
);

export const readReadiness = route({
  ...always,
  method: "get",
  path: "/ready",
  summary: "Whether work can be done now: 503 names what is not ready",
  returns: [
    200,
    z.strictObject({
      status: z.literal("ready"),
      checks: Checks,
      warnings: z.array(z.string()),
    }),
  ],
  async handle({ services }) {
    const { ready, checks, warnings } = await services.readiness();
    if (ready) return { status: "ready" as const, checks, warnings };
    const missing = Object.keys(checks).filter((name) => !checks[name]!.ok);
    throw refusal("platform/not-ready", `Not ready: ${missing.join(", ")}.`, {
      fields: { checks, warnings },
    });
  },
});

export const readVersion = route({
  ...always,
  method: "get",
  path: "/version",
  summary: "The version of the platform",
  returns: [200, z.strictObject({ version: z.string(), node: z.string() })],
  handle: ({ services }) => ({ version: services.version, node: process.version }),
});

export const readMetrics = route({
  ...always,
  method: "get",
  path: "/metrics",
  summary: "Counters of this process for Prometheus",
  returns: "page",
  async handle({ services: { metrics } }): Promise<Page> {
    return { contentType: metrics.contentType, body: await metrics.metrics() };
  },
});
