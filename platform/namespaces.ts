import { setTimeout as wait } from "node:timers/promises";
import type { ConnectionLike } from "@temporalio/client";
import { encodeSearchAttributeIndexedValueType } from "@temporalio/common/lib/search-attributes.js";
import { msToTs } from "@temporalio/common/lib/time.js";
import { SEARCH_ATTRIBUTES } from "../domain/search-attributes.ts";
import type { Env } from "./env.ts";
import { openTemporalClient } from "./temporal.ts";

/** How long an ended run can be inspected and reset; the history of the business lives in our database. */
const RETENTION_DAYS = 30;

/** What the namespace of the platform must be like. */
export interface NamespaceWish {
  namespace: string;
  retentionDays: number;
}

/** Makes the namespace that the configuration names, or brings it up to date, as `ensureNamespace` does. */
export async function prepareNamespace(env: Env): Promise<string[]> {
  const temporal = openTemporalClient(env);
  try {
    const wish = { namespace: env.TEMPORAL_NAMESPACE, retentionDays: RETENTION_DAYS };
    return await ensureNamespace(temporal.client.connection, wish);
  } finally {
    await temporal.close();
  }
}

type Services = Pick<ConnectionLike, "workflowService" | "operatorService">;

/** gRPC status codes. */
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const FORBIDDEN = new Set([7, 12, 16]);
const UNAVAILABLE = 14;

const DAY_SECONDS = 86_400;
const WAIT_MS = 60_000;

/**
 * Makes the namespace with its retention and search attributes, or brings it up to date; twice is harmless.
 * Waits up to a minute for a server that is starting. Answers in sentences what could not be done for want of
 * a right: a namespace that exists may be somebody else's to set. Throws when there is none at the end.
 */
export async function ensureNamespace(services: Services, wish: NamespaceWish): Promise<string[]> {
  const warnings = [
    await retry([UNAVAILABLE], () => setRetention(services, wish)),
    // A new namespace reaches every part of the server only after some seconds.
    await retry([UNAVAILABLE, NOT_FOUND], () => addSearchAttributes(services, wish.namespace)),
  ];
  return warnings.filter((warning) => warning !== undefined);
}

async function setRetention(
  { workflowService }: Services,
  { namespace, retentionDays }: NamespaceWish,
): Promise<string | undefined> {
  const retention = msToTs(`${retentionDays} days`);
  const present = await workflowService.describeNamespace({ namespace }).catch((error: unknown) => {
    if (codeOf(error) !== NOT_FOUND) throw error;
  });
  if (!present) {
    await workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention })
      .catch((error: unknown) => {
        if (codeOf(error) !== ALREADY_EXISTS) throw error;
      });
    return undefined;
  }
  const days = Number(present.config?.workflowExecutionRetentionTtl?.seconds ?? 0) / DAY_SECONDS;
  if (days === retentionDays) return undefined;
  return unlessForbidden(
    `Namespace ${namespace} keeps ended workflows for ${days} days, not ${retentionDays}; its owner can change that.`,
    () =>
      workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: retention },
      }),
  );
}

async function addSearchAttributes(
  { operatorService }: Services,
  namespace: string,
): Promise<string | undefined> {
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES).filter(({ name }) => !customAttributes?.[name]);
  if (missing.length === 0) return undefined;
  const searchAttributes = Object.fromEntries(
    missing.map(({ name, type }) => [name, encodeSearchAttributeIndexedValueType(type)!]),
  );
  return unlessForbidden(
    `Namespace ${namespace} lacks the search attributes ${Object.keys(searchAttributes).join(", ")}: no workflow can start until its owner adds them.`,
    () => operatorService.addSearchAttributes({ namespace, searchAttributes }),
  );
}

async function unlessForbidden(
  warning: string,
  act: () => Promise<unknown>,
): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (!FORBIDDEN.has(codeOf(error) ?? 0)) throw error;
    return warning;
  }
}

async function retry<T>(codes: readonly number[], body: () => Promise<T>): Promise<T> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    try {
      return await body();
    } catch (error) {
      if (!codes.includes(codeOf(error) ?? 0) || performance.now() > until) throw error;
      await wait(100);
    }
  }
}

function codeOf(error: unknown): number | undefined {
  return (error as { code?: number } | undefined)?.code;
}
