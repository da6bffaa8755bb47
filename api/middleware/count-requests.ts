import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Context } from "../context.ts";

/** What is counted of a request, at its beginning and at its end. */
export interface RequestCount {
  begin(): void;
  end(ctx: Context, tookMs: number): void;
}

/** Counts and times requests by route; paths that no route has count as one. */
export function countRequests(registry: Registry): RequestCount {
  const registers = [registry];
  const seconds = new Histogram({
    name: "longhaul_http_request_seconds",
    help: "Time from a request's headers to the end of its answer",
    labelNames: ["operation", "method", "status"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers,
  });
  const aborted = new Counter({
    name: "longhaul_http_aborted_total",
    help: "Requests whose client was gone before the end of the answer",
    labelNames: ["operation"],
    registers,
  });
  let inFlight = 0;
  registry.registerMetric(
    new Gauge({
      name: "longhaul_http_requests_in_flight",
      help: "Requests that are being answered",
      registers: [],
      collect() {
        this.set(inFlight);
      },
    }),
  );
  return {
    begin: () => void inFlight++,
    end({ method, res, state }, tookMs) {
      const operation = state.found.operationId ?? "none";
      inFlight--;
      if (!res.writableFinished) aborted.inc({ operation });
      seconds.observe({ operation, method, status: res.statusCode }, tookMs / 1000);
    },
  };
}
