import type { Readable } from "node:stream";
import { may } from "../../../domain/accounts.ts";
import { refusal } from "../../../domain/errors.ts";
import { LIMITS } from "../../../domain/limits.ts";
import {
  CardImport,
  CardImportFault,
  namesOf,
  orderImport,
  resumeImport,
} from "../../../models/cards/index.ts";
import { StagedObjectGone } from "../../../models/operations.ts";
import { page } from "../../../models/paging.ts";
import { newId } from "../../../platform/crypto.ts";
import { sealLines } from "../../card-lines.ts";
import { demandResults, findImport, findTerms } from "../../policies/cards.ts";
import { route } from "../../route.ts";
import {
  ImportId,
  ImportOut,
  ImportsOut,
  ImportsQuery,
  NewImport,
  presentImport,
} from "../../schemas/cards/imports.ts";
import type { Services } from "../../services.ts";
import { stage, unstage } from "../../staging.ts";
import { exportList } from "../../table-export.ts";
import { orderedId } from "./order-ids.ts";

const PATH = "/api/v1/cards/import";

export const importCards = route({
  method: "post",
  path: PATH,
  summary:
    "Take in cards whose codes were made somewhere else: a table (CSV) or a code on each line",
  access: "cards:generate",
  form: NewImport,
  fileBytes: () => LIMITS.importBytes,
  returns: [202, ImportOut],
  async handle(call) {
    const { actor, services } = call;
    const id = orderedId("card-import", call);
    const received = await call.receive(
      (file) => stageLines(services, id, file),
      ({ key }) => unstage(services, key),
    );
    const { file, fields } = received;
    try {
      if (file.lines === 0) throw refusal("cards/import-empty", "There is no card in this file.");
      const { dry_run: dryRun, prefix = null, note = null, ...asked } = fields;
      const terms = await findTerms(actor, asked);
      const row = await orderImport(
        services.database,
        {
          id,
          objectKey: file.key,
          bytes: file.bytes,
          // By itself it would tell who guesses a single code that it is right.
          digest: services.cardCodes.hash(file.sha256),
          lines: file.lines,
          dryRun,
          prefix,
          note,
          ...terms,
          usualSeconds: services.env.CARD_TERM,
          accountId: actor.accountId,
        },
        call,
      );
      if (row.objectKey !== file.key) await unstage(services, file.key);
      call.header("Location", `${PATH}/${row.id}`);
      await services.bus.announce({ type: "outbox.filled", data: {} });
      return show(services, row);
    } catch (error) {
      await unstage(services, file.key);
      if (!(error instanceof StagedObjectGone)) throw error;
      throw refusal("request/too-slow", "The end of the upload came too late. Send it again.");
    }
  },
});

export const listCardImports = route({
  method: "get",
  path: PATH,
  summary: "What was taken in, newest first: all of it, or what one has sent oneself",
  access: "cards:read",
  query: ImportsQuery,
  returns: [200, ImportsOut],
  async handle({ actor, query, services }) {
    const own = may(actor, "cards:oversee") ? {} : { accountId: actor.accountId };
    const leading = own.accountId === undefined ? [] : ["account_id"];
    const { items, next } = await page(CardImport, {
      where: own,
      question: own,
      index: ["card_imports", ...leading, "created_at", "id"].join("_"),
      ...query,
    });
    const names = await namesOf(items);
    const { CARD_RESULTS } = services.env;
    return { items: items.map((row) => presentImport(row, names, CARD_RESULTS)), next };
  },
});

export const readCardImport = route({
  method: "get",
  path: `${PATH}/:id`,
  summary: "How far an import is, and how many of its lines are cards now",
  access: "cards:read",
  params: ImportId,
  returns: [200, ImportOut],
  handle: async ({ actor, params, services }) => show(services, await findImport(actor, params.id)),
});

export const reportCardImport = route({
  method: "get",
  path: `${PATH}/:id/report`,
  summary: "The lines of an import that are no cards, and why, as a table",
  access: "cards:read",
  params: ImportId,
  returns: "export",
  async handle({ actor, params }) {
    const row = await findImport(actor, params.id);
    demandResults(row);
    const { id } = row;
    return exportList("csv", {
      name: `import-${id}`,
      batches: faultsOf(id),
      columns: { line: ({ line }) => line, reason: ({ reason }) => reason },
    });
  },
});

export const resumeCardImport = route({
  method: "post",
  path: `${PATH}/:id/resume`,
  summary: "Let an import that failed go on from where it stands",
  access: "cards:generate",
  params: ImportId,
  returns: [202, ImportOut],
  async handle(call) {
    const { id } = await findImport(call.actor, call.params.id);
    const row = await resumeImport(call.services.database, id, call);
    await call.services.bus.announce({ type: "outbox.filled", data: {} });
    return show(call.services, row);
  },
});

/** Stores the lines of a file with their codes sealed, under a key of this request alone. */
async function stageLines(services: Services, importId: string, file: Readable) {
  const { stored, count, sha256 } = sealLines(file, services.cardCodes);
  const key = `cards/imports/${importId}/${newId()}`;
  const staged = await stage(services, key, stored, LIMITS.storedImportBytes);
  // What is stored differs each time; what was sent is what tells one order from another.
  return { ...staged, lines: count(), sha256: sha256() };
}

const BATCH_FAULTS = 1000;

async function* faultsOf(importId: string): AsyncGenerator<CardImportFault[]> {
  for (let after: string | undefined | null; after !== null;) {
    const { items, next } = await page(CardImportFault, {
      where: { importId },
      order: [["line", "ASC"]],
      limit: BATCH_FAULTS,
      after,
    });
    if (items.length > 0) yield items;
    after = next;
  }
}

async function show({ env }: Services, row: CardImport) {
  return presentImport(row, await namesOf([row]), env.CARD_RESULTS);
}
