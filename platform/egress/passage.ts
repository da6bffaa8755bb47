import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { sha256 } from "../crypto.ts";
import type { Upstream } from "./dial.ts";

/** Why a run is let out no further. */
export type StopKind = "forbidden" | "too-large" | "stalled" | "proxy-auth" | "proxy-unreachable";

/** What ended a passage before its run did. The message says why in a sentence, for people. */
export class PassageStopped extends Error {
  readonly kind: StopKind;

  constructor(kind: StopKind, reason: string) {
    super(reason);
    this.name = "PassageStopped";
    this.kind = kind;
  }
}

/** What one run may do. */
export interface PassageTerms {
  /** Whose proxy its connections go through; straight out when undefined. */
  upstream?: Upstream | undefined;
  /** How much may come in, whatever it is: bodies, headers, what was fetched twice. */
  limitBytes: number;
  /** How long a connection may be silent in both directions. */
  stallMs: number;
}

/** The way out of one run, good from `enter` to `close` and for whoever has its address. */
export interface Passage {
  /** `http://run:secret@127.0.0.1:port`: a secret, to be told by a file or an environment that only the run can read. */
  readonly address: string;
  /** By which curl, Python and ffmpeg find a proxy: variables for the environment of the run and of what it starts. */
  readonly environment: Readonly<Record<string, string>>;
  /** Aborted when the run has done what it may not, or can do nothing more; its reason is a `PassageStopped`. */
  readonly stopped: AbortSignal;
  /** What came in from outside so far. */
  receivedBytes(): number;
  /** The last connection that came to nothing, in a sentence: a hint when the run fails by itself. */
  lastTrouble(): string | undefined;
  /** Remembers what a source said when it sent us away: inside a tunnel only the run itself can hear that. */
  hear(status: number, retryAfter: string | undefined): void;
  /** How long a source has asked to be left alone. */
  retryAfterSeconds(): number | undefined;
  /** Ends all of its connections. Twice is harmless. */
  close(): void;
}

/** So much after a silence is progress: the silence is forgiven. */
const FORGIVEN_AFTER_BYTES = 1024 * 1024;
/** So many silences, each of a connection that was opened after the one before: nothing more will come. */
const MOST_STALLS = 2;

/** Answers of a source that wants to be asked later. */
const SENT_AWAY = new Set([429, 503]);

/** The seconds that `Retry-After` names, as a number or a date (RFC 9110 §10.2.3). */
function secondsIn(retryAfter = ""): number | undefined {
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter);
  const seconds = Math.ceil((Date.parse(retryAfter) - Date.now()) / 1000);
  return seconds > 0 ? seconds : undefined;
}

/** The server's side of a passage. */
export interface OpenPassage extends Passage {
  readonly id: string;
  readonly secretHash: string;
  readonly terms: PassageTerms;
  stop(kind: StopKind, reason: string): void;
  note(trouble: string): void;
  /** Ends `outside` with the passage, and cuts it when it is silent for too long. */
  watch(outside: Socket, host: string): void;
  /** Counts what came in. */
  count: (chunk: Buffer) => void;
  /** Ends `client` with the passage. */
  hold(client: Duplex): void;
}

/** Makes a passage through the server on `port`; `forget` is called at its end. */
export function openPassage(terms: PassageTerms, port: number, forget: () => void): OpenPassage {
  const id = randomBytes(8).toString("hex");
  const secret = randomBytes(24).toString("base64url");
  const address = `http://${id}:${secret}@127.0.0.1:${port}`;
  const controller = new AbortController();
  const streams = holdStreams();
  let received = 0;
  let trouble: string | undefined;
  let retryAfter: number | undefined;

  const stop = (kind: StopKind, reason: string) => {
    if (controller.signal.aborted) return;
    controller.abort(new PassageStopped(kind, reason));
    streams.endAll();
  };

  const cutSilent = openStallWatch(
    () => received,
    (stalledHost) => {
      trouble = `${stalledHost} sent nothing for ${terms.stallMs / 1000} seconds.`;
      return () => stop("stalled", trouble!);
    },
  );

  return {
    id,
    secretHash: sha256(secret),
    terms,
    address,
    environment: environmentFor(address),
    stopped: controller.signal,
    receivedBytes: () => received,
    lastTrouble: () => trouble,
    retryAfterSeconds: () => retryAfter,
    hear(status, said) {
      if (SENT_AWAY.has(status)) retryAfter = secondsIn(said) ?? retryAfter;
    },
    stop,
    note: (reason) => void (trouble = reason),
    hold: (stream) => streams.hold(stream),
    watch(outside, host) {
      const openedAt = performance.now();
      streams.hold(outside);
      outside.setTimeout(terms.stallMs, () => cutSilent(outside, host, openedAt));
    },
    count(chunk) {
      received += chunk.length;
      if (received > terms.limitBytes) {
        stop("too-large", `More came than the ${terms.limitBytes} bytes that were allowed.`);
      }
    },
    close() {
      forget();
      streams.endAll();
    },
  };
}

/** Streams that end together. */
function holdStreams() {
  const streams = new Set<Duplex>();
  return {
    hold(stream: Duplex) {
      if (streams.has(stream)) return;
      streams.add(stream);
      stream.once("close", () => streams.delete(stream));
    },
    endAll() {
      for (const stream of streams) stream.destroy();
    },
  };
}

/**
 * Cuts silent connections. A client that still wants something asks again, and is then silent no longer, or over: when
 * what it has asked anew is silent too, and nothing much came in between.
 */
function openStallWatch(
  receivedBytes: () => number,
  noted: (host: string) => () => void,
): (outside: Socket, host: string, openedAt: number) => void {
  const stalls = { inRow: 0, at: -Infinity, receivedBytes: 0 };
  return (outside, host, openedAt) => {
    const received = receivedBytes();
    if (received - stalls.receivedBytes > FORGIVEN_AFTER_BYTES) stalls.inRow = 0;
    if (openedAt > stalls.at) stalls.inRow++;
    [stalls.at, stalls.receivedBytes] = [performance.now(), received];
    const stop = noted(host);
    outside.destroy();
    if (stalls.inRow >= MOST_STALLS) stop();
  };
}

/** `no_proxy` is empty on purpose: nothing is asked directly. */
function environmentFor(address: string): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "ws_proxy", "wss_proxy"];
  const variables = names.flatMap((name) => [name, name.toUpperCase()]);
  return {
    ...Object.fromEntries(variables.map((name) => [name, address])),
    no_proxy: "",
    NO_PROXY: "",
  };
}
