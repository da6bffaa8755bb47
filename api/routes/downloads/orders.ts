import { TimeoutFailure, WorkflowFailedError } from "@temporalio/client";
import type { z } from "zod";
import { estimateBytes, type MediaFacts } from "../../../domain/downloads/media.ts";
import { estimateSeconds, platformOf, QUALITY } from "../../../domain/downloads.ts";
import { refusal } from "../../../domain/errors.ts";
import { gatesTo } from "../../../domain/gates.ts";
import { workflowId } from "../../../domain/ids.ts";
import { LIMITS } from "../../../domain/limits.ts";
import { QUEUES } from "../../../domain/queues.ts";
import { SEARCH_ATTRIBUTES } from "../../../domain/search-attributes.ts";
import {
  addressHash,
  type DownloadOrder,
  findParse,
  type MediaParse,
  orderDownload,
  parsePlace,
} from "../../../models/downloads/index.ts";
import { deriveKey, namedId, newId, seal } from "../../../platform/crypto.ts";
import { mediaParse } from "../../../workflows/downloads/index.ts";
import {
  assertAddress,
  assertFetching,
  assertFunds,
  assertRoom,
  quotaOf,
} from "../../policies/downloads.ts";
import { route } from "../../route.ts";
import {
  AcceptedOut,
  DownloadBody,
  ParseBody,
  ParsedOut,
  presentParsed,
} from "../../schemas/downloads.ts";
import type { Services } from "../../services.ts";

/** How long somebody waits for a source to be asked. */
const PATIENCE_MS = 90_000;

export const parseMedia = route({
  method: "post",
  path: "/api/v1/parse",
  summary: "Ask what media an address has; what was asked within the hour is not asked again",
  access: "downloads:start",
  body: ParseBody,
  returns: [200, ParsedOut],
  async handle({ body, services }) {
    const address = await assertAddress(services, body.url);
    const hash = addressHash(body.url);
    const known = body.skip_cache ? undefined : await findParse(hash);
    const parse = known ?? (await ask(services, body.url, hash));
    return presentParsed(factsOf(parse), platformOf(address.hostname));
  },
});

export const startDownload = route({
  method: "post",
  path: "/api/v1/download",
  summary: "Order a download: it is fetched in the background, and kept for a while or for ever",
  access: "downloads:start",
  body: DownloadBody,
  returns: [202, AcceptedOut],
  async handle(call) {
    const { actor, body, services } = call;
    const address = await assertAddress(services, body.url);
    await assertFetching();
    await assertRoom(services);
    const parse = await findParse(addressHash(body.url));
    const facts = parse && factsOf(parse);
    const selection = selectionOf(body);
    const wantedBytes = facts ? estimateBytes(facts, selection) : null;
    await assertFunds(services, actor.accountId, wantedBytes);

    const key = call.requestHeader("Idempotency-Key");
    const order: DownloadOrder = {
      id: key ? namedId("download", actor.accountId, key) : newId(),
      accountId: actor.accountId,
      url: body.url,
      platform: platformOf(address.hostname),
      mode: body.mode,
      ...selection,
      kind: body.playlist ? "playlist" : "media",
    };
    if (body.playlist && order.formatId) {
      const why = "Each medium of a list has formats of its own: ask for a quality instead.";
      throw refusal("request/invalid", why);
    }
    // What is on a list counts, not the list.
    const dailyQuota = body.playlist ? undefined : quotaOf(services);
    const download = await orderDownload(services.database, order, dailyQuota, call);
    await services.bus.announce({ type: "outbox.filled", data: {} });
    call.header("Location", `/api/v1/user/history/${download.serial}`);
    return {
      task_id: download.id,
      history_id: download.serial,
      estimated_time: estimateSeconds(facts?.durationSeconds ?? null, download.quality),
    };
  },
});

/** A format that was shown and chosen goes before what was asked for in words. */
function selectionOf(body: z.output<typeof DownloadBody>) {
  const { selected_format: selected, quality, format } = body;
  const named = selected?.quality && QUALITY.test(selected.quality) ? selected.quality : quality;
  const kinds: readonly string[] = DownloadBody.shape.format.unwrap().options;
  const kind =
    selected?.extension && kinds.includes(selected.extension) ? selected.extension : format;
  const formatId = selected?.format_id ?? body.format_id ?? null;
  return { quality: named, format: kind, formatId };
}

/** Has the source asked by a worker. Whoever asks the same meanwhile waits for the same answer. */
async function ask(services: Services, url: string, hash: string): Promise<MediaParse> {
  await assertFetching();
  const { temporal, secretKey } = services;
  const sealedAddress = seal(deriveKey(secretKey, "columns"), url, parsePlace(hash));
  const { hostname } = new URL(url);
  const platform = platformOf(hostname);
  try {
    await temporal.withDeadline(Date.now() + PATIENCE_MS, () =>
      temporal.workflow.execute(mediaParse, {
        workflowId: workflowId("parse", hash),
        taskQueue: QUEUES.orchestrator,
        args: [{ addressHash: hash, sealedAddress, platform, gates: gatesTo(hostname, platform) }],
        workflowIdConflictPolicy: "USE_EXISTING",
        workflowExecutionTimeout: PATIENCE_MS,
        staticSummary: `Ask ${hostname} what it has`.slice(0, 200),
        typedSearchAttributes: [{ key: SEARCH_ATTRIBUTES.kind, value: "parse" }],
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    if (error.cause instanceof TimeoutFailure) {
      throw refusal("downloads/source-away", "The source did not answer in time. Ask again later.");
    }
    // Its cause says why the source gave nothing.
    throw error.cause ?? error;
  }
  const parse = await findParse(hash);
  if (parse) return parse;
  throw refusal(
    "downloads/source-away",
    `What the source said is older than ${LIMITS.parseSeconds} seconds by now. Ask again.`,
  );
}

function factsOf({ facts }: MediaParse): MediaFacts {
  return JSON.parse(facts) as MediaFacts;
}
