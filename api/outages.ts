const NETWORK_FAULTS = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "PROTOCOL_CONNECTION_LOST",
  "SQLITE_BUSY",
]);

const CLIENT_FAULTS = new Set([
  "SequelizeConnectionError",
  "SequelizeConnectionRefusedError",
  "SequelizeConnectionTimedOutError",
  "SequelizeConnectionAcquireTimeoutError",
  "SequelizeHostNotFoundError",
  "SequelizeHostNotReachableError",
  "SequelizeTimeoutError",
  "MaxRetriesPerRequestError",
  "TimeoutError",
]);

/** gRPC: DEADLINE_EXCEEDED, UNAVAILABLE. */
const GRPC_FAULTS = new Set([4, 14]);

interface ForeignError {
  name?: string;
  code?: string | number;
  message?: string;
  $metadata?: { httpStatusCode?: number };
  cause?: unknown;
  parent?: unknown;
}

/** True when an error says that the database, Temporal, Redis or the store cannot be reached: nobody's fault here. */
export function isOutage(error: unknown): boolean {
  let cause = error as ForeignError | undefined;
  for (let depth = 0; typeof cause === "object" && cause !== null && depth < 8; depth++) {
    const { name = "", code = "", message = "", $metadata } = cause;
    if (CLIENT_FAULTS.has(name) || NETWORK_FAULTS.has(String(code))) return true;
    if (typeof code === "number" && GRPC_FAULTS.has(code)) return true;
    if (($metadata?.httpStatusCode ?? 0) >= 500) return true;
    if (message === "Connection is closed.") return true; // ioredis has no code for it
    cause = (cause.cause ?? cause.parent) as ForeignError | undefined;
  }
  return false;
}
