import { WorkflowNotFoundError } from "@temporalio/client";
import { workflowId } from "../../domain/ids.ts";
import { fetchUnderWay } from "../../models/downloads/index.ts";
import { listGates as list, openGate as open, setGate as set } from "../../models/gates/index.ts";
import { usualGates } from "../../platform/env-proxies.ts";
import { gateOpened } from "../../workflows/gates.ts";
import { route } from "../route.ts";
import { GateBody, GateKey, GatesOut, presentGate } from "../schemas/gates.ts";
import { Changed } from "../schemas/proxies/proxies.ts";
import type { Services } from "../services.ts";

const PATH = "/api/v1/admin/gates";

export const listGates = route({
  method: "get",
  path: PATH,
  summary:
    "Gates before hosts and platforms: who is behind them, who waits and why, which are closed",
  access: "proxies:read",
  returns: [200, GatesOut],
  async handle({ services }) {
    const usual = usualGates(services.env);
    return { items: (await list()).map((view) => presentGate(view, usual)) };
  },
});

export const setGate = route({
  method: "put",
  path: `${PATH}/:key`,
  summary:
    "Say how many may be behind a gate and how often it may be passed; null is what is usual",
  access: "proxies:administer",
  params: GateKey,
  body: GateBody,
  returns: [200, Changed],
  async handle(call) {
    const { places = null, rate = null } = call.body;
    await set(call.services.database, call.params.key, { places, rate }, call);
    return { success: true as const };
  },
});

export const openGate = route({
  method: "post",
  path: `${PATH}/:key/open`,
  summary: "Open a gate that is closed because its host has sent us away",
  access: "proxies:administer",
  params: GateKey,
  returns: [200, Changed],
  async handle(call) {
    const waiting = await open(call.services.database, call.params.key, call);
    await Promise.all(waiting.map((id) => tellOpened(call.services, id)));
    return { success: true as const };
  },
});

/** Whoever waits for a gate to open looks again. One that is over need not. */
async function tellOpened({ temporal }: Services, holder: string): Promise<void> {
  const shared = await fetchUnderWay(holder);
  const waiting = temporal.workflow.getHandle(shared ?? workflowId("download", holder));
  await waiting.signal(gateOpened).catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}
