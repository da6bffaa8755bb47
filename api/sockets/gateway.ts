import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Actor } from "../../domain/accounts.ts";
import { refusalIn } from "../../domain/errors.ts";
import { LIMITS } from "../../domain/limits.ts";
import type { TakeUpgrade } from "../listen.ts";
import { callerAddress } from "../middleware/request-id.ts";
import type { Authenticate } from "../middleware/sign-in.ts";
import { findFollowed, kindsFor } from "../policies/feeds.ts";
import { Since } from "../schemas/feeds.ts";
import type { Services } from "../services.ts";
import { type Ending, ENDINGS } from "./connections.ts";
import { converse } from "./conversation.ts";
import { BEARER_PROTOCOL, credentialsOf, mayCome, turnAway } from "./doorway.ts";
import { reply } from "./frames.ts";
import { FeedSocket } from "./socket.ts";
import { TaskSocket } from "./task-socket.ts";

type GatewayTools = Pick<Services, "env" | "feeds" | "limiter" | "log">;

/** Somebody who wants a socket. */
interface Arrival {
  request: IncomingMessage;
  stream: Duplex;
  head: Buffer;
  query: URLSearchParams;
  address: string;
}

/** Who they are, or why nobody is signed in. */
type Known = { actor: Actor } | { fault: string; status: number };

/** The two sockets of the contracts: `/ws`, all of an account, and `/api/v1/ws/progress`, one task. */
export function openGateway(services: GatewayTools, authenticate: Authenticate): TakeUpgrade {
  const { env, log } = services;
  const handshakes = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compressing takes a quarter of a megabyte a socket, and each message anew for each.
    perMessageDeflate: false,
    maxPayload: LIMITS.feedMessageBytes,
    handleProtocols: (offered) => offered.has(BEARER_PROTOCOL) && BEARER_PROTOCOL,
  });
  const shake = ({ request, stream, head }: Arrival, opened: (socket: WebSocket) => void) =>
    handshakes.handleUpgrade(request, stream, head, opened);
  const doors: Readonly<Record<string, (arrival: Arrival) => Promise<void>>> = {
    "/ws": (arrival) => enterFeed(services, authenticate, arrival, shake),
    "/api/v1/ws/progress": (arrival) => enterTask(services, authenticate, arrival, shake),
  };

  return (request, stream, head) => {
    // Nobody else listens before it is a socket, nor ever when it is turned away: who leaves meanwhile harms nobody.
    stream.on("error", ignore);
    const [path = "", search = ""] = (request.url ?? "").split("?", 2);
    const door = Object.hasOwn(doors, path) ? doors[path] : undefined;
    if (!door) return turnAway(stream, 404, "There is no socket at this address.");
    if (!mayCome(request, env)) return turnAway(stream, 403, "This origin may not connect.");
    const address = callerAddress(request, env.TRUST_PROXY);
    const arrival = { request, stream, head, query: new URLSearchParams(search), address };
    door(arrival).catch((error: unknown) => {
      log.error({ err: error, path }, "a socket cannot be opened");
      turnAway(stream, 500, "Something went wrong here.");
    });
  };
}

const ignore = () => undefined;

type Shake = (arrival: Arrival, opened: (socket: WebSocket) => void) => void;

async function know(
  { limiter, env }: GatewayTools,
  authenticate: Authenticate,
  { request, query, address }: Arrival,
  asked: { byQuery: boolean },
): Promise<Known> {
  const credentials = credentialsOf(request, asked.byQuery ? query : undefined);
  if (!credentials) return { fault: "missing authorization token", status: 401 };
  try {
    const actor = await authenticate(credentials, address);
    const allowed = await isWithin(limiter, env, actor);
    return allowed ? { actor } : { fault: "too many requests", status: 429 };
  } catch (error) {
    const known = refusalIn(error);
    if (!known) throw error;
    return { fault: known.message, status: 401 };
  }
}

async function isWithin(
  limiter: GatewayTools["limiter"],
  env: GatewayTools["env"],
  actor: Actor,
): Promise<boolean> {
  try {
    const rule = { name: "requests", ...env.LIMIT_REQUESTS };
    return (await limiter.take(rule, callerName(actor))).allowed;
  } catch {
    // Better uncounted than unanswered.
    return true;
  }
}

const callerName = ({ keyId, accountId }: Actor) =>
  keyId ? `key:${keyId}` : `account:${accountId}`;

/** `/ws`: browsers cannot see why a handshake failed, so who may not come in is told by a close code. */
async function enterFeed(
  services: GatewayTools,
  authenticate: Authenticate,
  arrival: Arrival,
  shake: Shake,
): Promise<void> {
  const known = await know(services, authenticate, arrival, { byQuery: true });
  const { query, stream } = arrival;
  const refused = "fault" in known ? unknown(known) : entering(known, query);
  if ("code" in refused) return shake(arrival, (socket) => dismiss(socket, refused));
  const { actor, since } = refused;
  const kinds = kindsFor(actor);
  shake(arrival, (ws) => {
    const socket = new FeedSocket(ws, stream, actor, kinds);
    ws.on("message", converse(socket));
    const greet = () => {
      const timestamp = new Date().toISOString();
      const established = { user_id: actor.accountId, timestamp };
      socket.tell(reply("connection:established", since ?? 0, established));
      socket.tell(reply("notification", since ?? 0, { ...WELCOME, timestamp }));
    };
    const from = { accountId: actor.accountId, since, greet };
    void stay(services, socket, ws, arrival, () => start(services, socket, from));
  });
}

const WELCOME = {
  title: "连接成功",
  message: "WebSocket连接已建立，您将实时收到任务进度更新",
  title_en: "Connected",
  message_en: "You will be told what becomes of your tasks.",
  type: "success",
};

/** Whose feed they follow, and from where. Where the contract's clients name themselves, the token must speak for them. */
function entering(
  { actor }: { actor: Actor },
  query: URLSearchParams,
): Ending | { actor: Actor; since: number | undefined } {
  const named = query.get("user_id");
  if (named !== null && named !== actor.accountId) {
    return { code: 1008, words: "This token is not of this user_id." };
  }
  if (actor.packages) {
    return { code: 4403, words: "Keys for single packages cannot follow a whole feed." };
  }
  const since = Since.safeParse(query.get("since") ?? undefined);
  if (!since.success) {
    return { code: 4422, words: "since must be a whole number: the last seq that you have." };
  }
  return { actor, since: since.data };
}

const unknown = ({ fault, status }: { fault: string; status: number }): Ending => ({
  code: 4000 + status,
  words: fault,
});

/** `/api/v1/ws/progress`: all that can be wrong is told before the upgrade. */
async function enterTask(
  services: GatewayTools,
  authenticate: Authenticate,
  arrival: Arrival,
  shake: Shake,
): Promise<void> {
  const { stream, query } = arrival;
  const known = await know(services, authenticate, arrival, { byQuery: false });
  if ("fault" in known) return turnAway(stream, known.status, known.fault);
  const taskId = query.get("task_id");
  if (!taskId) return turnAway(stream, 400, "task_id is required");
  const { actor } = known;
  const task = await findFollowed(actor, taskId).catch((error: unknown) => refusalIn(error));
  if (!task || "code" in task) {
    return turnAway(stream, 403, task?.message ?? "failed to validate task access");
  }
  shake(arrival, (ws) => {
    const socket = new TaskSocket(ws, stream, actor, task);
    ws.on("message", () => socket.lives());
    void stay(services, socket, ws, arrival, () => {
      socket.begin();
      start(services, socket, { accountId: task.accountId, since: socket.seq });
    });
  });
}

/** Counts a socket in, and out again when it closes; `begin` is called if it may stay, and has not left. */
async function stay(
  { feeds, log }: GatewayTools,
  socket: FeedSocket,
  ws: WebSocket,
  { request, address }: Arrival,
  begin: () => void,
): Promise<void> {
  const began = performance.now();
  // Without the query: a token may stand there.
  const path = (request.url ?? "").split("?", 1)[0];
  const { accountId, keyId } = socket.actor;
  ws.once("close", (code) => {
    socket.isGone = true;
    feeds.channels.leave(socket.feedOf, socket);
    feeds.connections.remove(socket, socket.ending);
    const durationMs = Math.round(performance.now() - began);
    log.info({ path, address, accountId, keyId, code, durationMs }, "socket closed");
  });
  const mayStay = await feeds.connections.add(socket);
  if (!mayStay) dismiss(ws, ENDINGS.tooMany);
  else if (!socket.isGone) begin();
}

function start(
  { feeds, log }: GatewayTools,
  socket: FeedSocket,
  { accountId, ...from }: { accountId: string; since: number | undefined; greet?: () => void },
): void {
  socket.feedOf = accountId;
  feeds.channels.follow(accountId, socket, from).catch((error: unknown) => {
    log.warn({ err: error }, "a feed cannot be followed");
    socket.end(ENDINGS.broken);
  });
}

function dismiss(socket: WebSocket, { code, words }: Ending): void {
  socket.on("error", () => undefined);
  socket.close(code, words.slice(0, CLOSE_REASON_CHARACTERS));
}

/** A close frame has room for 123 bytes. */
const CLOSE_REASON_CHARACTERS = 120;
