import { heartbeat } from "@temporalio/activity";
import {
  beginImport,
  CardImport,
  failImport,
  MOST_AT_ONCE,
  stepImport,
  type StoredLine,
  taskOfImport,
} from "../../models/cards/index.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import type { CardTools } from "./tools.ts";

/** After so long the workflow hears how far it is. */
const REPORT_MS = 5_000;

/** How far an import is. */
export interface ImportProgress {
  looked: number;
  lines: number;
  imported: number;
  isOver: boolean;
}

/** How cards of somewhere else are taken in. */
export function createImportActivities({
  database,
  objects,
  reportProgress,
}: Pick<CardTools, "database" | "objects" | "reportProgress">) {
  return {
    /**
     * Twice: each stretch of lines is taken in by the transaction that moves the import on from where it stood, so that
     * what is done is not done again, and of two that do it at once one does.
     */
    async takeCardsIn({ importId }: { importId: string }): Promise<ImportProgress | null> {
      const until = Date.now() + REPORT_MS;
      const begun = await beginImport(database, importId);
      if (!begun) return null;
      let row: CardImport | undefined = begun;
      for await (const { lines, from, to } of stretches(objects, begun)) {
        row = await stepImport(database, importId, lines, [from, to]);
        heartbeat(to);
        if (!row) break;
        const { looked: done, lines: total } = progressOf(row);
        reportProgress({ ...taskOfImport(row), phase: "importing", done, total, unit: "lines" });
        if (Date.now() >= until) break;
      }
      return row ? progressOf(row) : progressOf(await begun.reload());
    },

    /** Twice: what is not there any more is no fault. An import that has failed keeps its lines, to go on. */
    async dropImport({ importId }: { importId: string }): Promise<void> {
      const row = await CardImport.findByPk(importId);
      if (row?.state === "completed") await objects.delete(row.objectKey);
    },

    /** Twice: what has failed or is complete is left as it is. */
    async failImport({ importId, reason }: { importId: string; reason: string }): Promise<void> {
      await failImport(database, importId, reason);
    },
  };
}

/** The lines from where an import stands on, as many at a time as are taken in at once, and where they lie. */
async function* stretches(
  objects: ObjectStore,
  { objectKey, bytes, reached }: CardImport,
): AsyncGenerator<{ lines: StoredLine[]; from: number; to: number }> {
  const opened = await objects.open(objectKey);
  if (!opened) throw new Error("The lines of this import are not in the store.");
  try {
    let [from, to] = [reached, reached];
    let lines: StoredLine[] = [];
    let rest = Buffer.alloc(0);
    for await (const chunk of await opened.read({ start: reached, end: bytes - 1 })) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END)) {
        lines.push(JSON.parse(rest.subarray(0, end).toString()) as StoredLine);
        rest = rest.subarray(end + 1);
        to += end + 1;
        if (lines.length < MOST_AT_ONCE) continue;
        yield { lines, from, to };
        [from, lines] = [to, []];
      }
    }
    if (lines.length > 0) yield { lines, from, to };
  } finally {
    await opened.close();
  }
}

const LINE_END = 0x0a;

function progressOf({ lines, imported, duplicates, faulty, state }: CardImport): ImportProgress {
  const looked = imported + duplicates + faulty;
  return { looked, lines, imported, isOver: state !== "importing" };
}
