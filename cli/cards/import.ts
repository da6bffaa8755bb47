import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Order } from "../arguments.ts";
import { type Desk, persist } from "../desk.ts";
import { EXIT, UsageFault } from "../endings.ts";
import { type FileToSend, multipartForm } from "../form.ts";
import { saveAnew } from "../saving.ts";
import { chosen, followOrder } from "./orders.ts";

/** What of an import this command looks at; the rest is handed on as it came. */
interface ImportOut {
  id: string;
  status: string;
  dry_run: boolean;
  lines: number;
  imported: number;
  duplicates: number;
  faulty: number;
  error: string | null;
}

const IMPORTS = "/api/v1/cards/import";

/** Sends a file of cards and waits until its lines are cards. The same `--key` again meets the same import. */
export async function importCards(desk: Desk, { operands, options }: Order): Promise<number> {
  const { screen } = desk;
  const file = await findFile(desk, operands[0]!);
  const ordered = await send(desk, file, options);
  screen.remark(screen.words.importOrdered(ordered.id, ordered.lines));
  const path = `${IMPORTS}/${encodeURIComponent(ordered.id)}`;
  const found = options["no-follow"]
    ? ordered
    : await followOrder<ImportOut>(desk, path, {
        while: ["queued", "importing"],
        say: ({ imported, duplicates, faulty, lines }) =>
          screen.words.importing(imported + duplicates + faulty, lines),
      });
  const { report } = options;
  if (found.status === "completed" && typeof report === "string") {
    await saveAnew(desk, `${path}/report`, report);
  }
  screen.print(options["json"] ? JSON.stringify({ import: found }, null, 2) : found.id);
  return conclude(desk, found);
}

async function findFile({ screen }: Desk, path: string): Promise<FileToSend> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageFault(screen.words.unreadable(path, error.code ?? error.message));
  });
  if (!facts.isFile()) throw new UsageFault(screen.words.unreadable(path, "not a file"));
  return { path, name: basename(path), bytes: facts.size };
}

function send(desk: Desk, file: FileToSend, options: Order["options"]): Promise<ImportOut> {
  const { connection, screen } = desk;
  const fields = {
    ...chosen(options, ["prefix", "policy", "product", "note"]),
    ...(options["dry-run"] && { dry_run: "true" }),
  };
  // Without a name of one's own for it, an order is repeated by this command alone, after a lost connection.
  const headers = { "Idempotency-Key": String(options["key"] ?? `import-${randomUUID()}`) };
  return persist(desk, async () => {
    const progress = screen.progress(screen.words.uploading(file.name), file.bytes);
    const body = multipartForm(fields, file, {
      onSent: progress.at,
      onFault: () => new UsageFault(screen.words.changed(file.path)),
    });
    try {
      const ordered = await connection.ask<ImportOut>("POST", IMPORTS, { body, headers });
      progress.end();
      return ordered;
    } catch (error) {
      progress.stop();
      throw error;
    }
  });
}

function conclude({ screen: { words, remark } }: Desk, found: ImportOut): number {
  const { status, dry_run: isTrial, imported, duplicates, faulty, error } = found;
  if (status === "failed") {
    remark(words.importFailed(imported, error ?? "?"));
    return EXIT.runFailed;
  }
  if (status === "completed") {
    remark((isTrial ? words.wouldImport : words.imported)(imported, duplicates, faulty));
  }
  return EXIT.done;
}
