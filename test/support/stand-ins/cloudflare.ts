import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { EdgeSettings } from "../../../platform/env.ts";
import { openEdgeCache } from "./edge-cache.ts";

/** What the API answers: its envelope, or what stands in its place when it is not itself. */
export interface PurgeAnswer {
  status: number;
  headers?: Record<string, string>;
  body: unknown;
}

/** Cloudflare on this machine: an edge that keeps what it has shown, and the API by which it is told to forget. */
export interface Cloudflare {
  /** Where clients come to. */
  url: string;
  /** What the product is configured with. */
  settings: Extract<EdgeSettings, { kind: "cloudflare" }>;
  /** Where it gets what it has not kept. */
  origin: string;
  /** The addresses of each purge that was allowed, in their order. */
  purges: string[][];
  /** How often the API was asked for a purge, allowed or not. */
  asked: number;
  /** Answers the next `times` purges so, and forgets nothing. */
  instead(times: number, answer: PurgeAnswer): void;
  /** While true, purges are confirmed and nothing is forgotten. */
  isStubborn: boolean;
}

/** The documented limit of single-file purges for all plans but Enterprise. */
const MOST_FILES = 100;

/** One fault in the envelope of the API. */
export function fault(status: number, code: number, message: string): PurgeAnswer {
  const errors = [{ code, message }];
  return { status, body: { success: false, errors, messages: [], result: null } };
}

/** Starts it on a free port; it ends with the test. */
export async function startCloudflare(): Promise<Cloudflare> {
  const cache = openEdgeCache();
  const zoneId = randomBytes(16).toString("hex");
  const token = randomBytes(20).toString("hex");
  let planned: PurgeAnswer[] = [];

  const server = createServer((req, res) => {
    void (async () => {
      if (req.url!.startsWith("/client/v4/")) {
        const body = await text(req);
        const { status, headers, body: said } = judge(req, body);
        res.writeHead(status, { "content-type": "application/json", ...headers });
        res.end(typeof said === "string" ? said : JSON.stringify(said));
        return;
      }
      await cache.show(req, res, { url: cloudflare.url + req.url!, origin: cloudflare.origin });
    })().catch(() => res.destroy());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const judge = (req: IncomingMessage, body: string): PurgeAnswer => {
    cloudflare.asked += 1;
    const unplanned = checkAccess(req, { zoneId, token }) ?? checkFiles(body, url);
    const answer = planned.shift() ?? unplanned.answer;
    if (answer.status !== 200 || answer !== unplanned.answer) return answer;
    cloudflare.purges.push(unplanned.files);
    if (!cloudflare.isStubborn) for (const file of unplanned.files) cache.forget(file);
    return answer;
  };

  const cloudflare: Cloudflare = {
    url,
    settings: { kind: "cloudflare", apiUrl: `${url}/client/v4`, zoneId, token },
    origin: "",
    purges: [],
    asked: 0,
    instead: (times, answer) => void (planned = Array.from({ length: times }, () => answer)),
    isStubborn: false,
  };
  return cloudflare;
}

interface Judged {
  answer: PurgeAnswer;
  files: string[];
}

function refuse(status: number, code: number, message: string): Judged {
  return { answer: fault(status, code, message), files: [] };
}

function checkAccess(
  { method, url, headers }: IncomingMessage,
  { zoneId, token }: { zoneId: string; token: string },
): Judged | undefined {
  const given = /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
  if (!given) return refuse(400, 6003, "Invalid request headers");
  if (given !== token) return refuse(401, 10000, "Authentication error");
  if (method === "POST" && url === `/client/v4/zones/${zoneId}/purge_cache`) return undefined;
  return refuse(404, 7003, `Could not route to ${url}, perhaps your object identifier is invalid?`);
}

function checkFiles(body: string, url: string): Judged {
  let files: unknown;
  try {
    ({ files } = JSON.parse(body) as { files?: unknown });
  } catch {
    return refuse(400, 6007, "Malformed JSON in request body");
  }
  if (files === undefined) return refuse(400, 1012, 'Request must contain one of "files", "tags"');
  if (!Array.isArray(files)) return refuse(400, 1014, '"files" must be an array');
  if (files.length > MOST_FILES) return refuse(400, 1094, `more than ${MOST_FILES} files`);
  const named = files.map(String);
  const strange = named.find((file) => !file.startsWith(`${url}/`));
  if (strange) return refuse(400, 1016, `Unable to purge ${strange}: not within this zone`);
  const result = { id: "purge" };
  return {
    answer: { status: 200, body: { success: true, errors: [], messages: [], result } },
    files: named,
  };
}
