import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Logger } from "pino";
import { v7 as newId } from "uuid";
import { refusal } from "../domain/errors.ts";
import type { Env } from "../platform/env.ts";
import { openPace } from "../platform/pace.ts";
import { type Holder, openPlaces } from "../platform/places.ts";
import type { Transfer } from "./delivery.ts";

/** The file of a download on its way to its owner, as every process sees it. */
export interface OpenTransfer extends Holder {
  downloadId: string;
  historyId: number;
  fileName: string;
  /** What was asked for, and what of it has gone; told by its process every few seconds. */
  bytes: number;
  sentBytes: number;
  /** Epoch milliseconds. */
  since: number;
}

/** What somebody wants to have sent to them. */
export type TransferOrder = Omit<OpenTransfer, "id" | "sentBytes" | "since">;

/** Files on their way out: so many at a time, and so fast, counted among all processes. */
export interface Transfers {
  /** Whether they are to be slowed down: then nobody else may send them. */
  isPaced: boolean;
  /** Refuses `downloads/too-many-transfers` where there is no place. */
  begin(order: TransferOrder): Promise<Transfer>;
  list(): Promise<OpenTransfer[]>;
  /** Waits a moment for those to end whose connections are gone, so that what they have to write down is. */
  close(): Promise<void>;
}

interface TransferTools {
  env: Env;
  log: Logger;
  metrics: Registry;
  /** Where processes count together; without it this one counts alone. */
  redis?: Redis | undefined;
}

/** When whoever was refused may come again: most transfers are over sooner or much later. */
const RETRY_SECONDS = 10;

const CLOSING_MS = 3_000;
const CLOSING_LOOK_MS = 20;

/** Gives files out, as many at a time as the configuration says. */
export function openTransfers({ env, log, metrics, redis }: TransferTools): Transfers {
  const terms = { most: env.DOWNLOAD_TRANSFERS, mostOfOwner: env.DOWNLOAD_TRANSFERS_PER_USER };
  const places = openPlaces<OpenTransfer>(terms, redis, `${env.TEMPORAL_NAMESPACE}:transfers:`);
  const speed = {
    mostBytes: env.DOWNLOAD_BANDWIDTH,
    mostBytesOfOwner: env.DOWNLOAD_BANDWIDTH_PER_USER,
  };
  const pace = openPace(speed, redis, `${env.TEMPORAL_NAMESPACE}:transfers:pace:`);
  const counts = openCounts(metrics);
  const open = new Set<OpenTransfer>();
  return {
    isPaced: pace !== undefined,
    list: () => places.list(),
    async close() {
      const deadline = Date.now() + CLOSING_MS;
      while (open.size > 0 && Date.now() < deadline) await sleep(CLOSING_LOOK_MS);
      places.close();
    },
    async begin(order) {
      const transfer = { ...order, id: newId(), sentBytes: 0, since: Date.now() };
      const taken = await places.take(transfer);
      if (taken !== "taken") {
        counts.refused.inc({ limit: taken === "full" ? "all" : "user" });
        throw refused(taken);
      }
      open.add(transfer);
      counts.open.inc();
      return {
        ...(pace && { stepBytes: pace.stepBytes }),
        async waitToSend(bytes, signal) {
          const waitMs = (await pace?.take(order.owner, bytes)) ?? 0;
          if (waitMs >= 1) await sleep(waitMs, undefined, { signal });
        },
        sent(bytes) {
          transfer.sentBytes += bytes;
          counts.bytes.inc(bytes);
        },
        async end() {
          open.delete(transfer);
          counts.open.dec();
          // The answer has gone, whatever becomes of its place: that runs out by itself.
          await places.leave(transfer).catch((error: unknown) => {
            log.warn(
              { err: error, transfer: transfer.id },
              "a transfer's place was not given back",
            );
          });
        },
      };
    },
  };
}

function refused(why: "full" | "full-of-owner"): Error {
  const message =
    why === "full"
      ? "As many files as may be are being sent now. Try again in a moment."
      : "As many files as may be are being sent to you now. Wait until one has ended.";
  const headers = { "Retry-After": `${RETRY_SECONDS}` };
  return refusal("downloads/too-many-transfers", message, { headers });
}

function openCounts(metrics: Registry) {
  const registers = [metrics];
  return {
    open: new Gauge({
      name: "longhaul_transfers_open",
      help: "Files of downloads that this process is sending",
      registers,
    }),
    refused: new Counter({
      name: "longhaul_transfers_refused_total",
      help: "Transfers that were refused because all, or one user, had as many as may be",
      labelNames: ["limit"],
      registers,
    }),
    bytes: new Counter({
      name: "longhaul_transfer_bytes_total",
      help: "Bytes of downloads' files that have gone to clients",
      registers,
    }),
  };
}
