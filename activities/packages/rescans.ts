import { SCAN_SECONDS } from "../../domain/pipelines.ts";
import { randomUUID } from "node:crypto";
import { inTransaction } from "../../models/database.ts";
import {
  findShown,
  findUnscanned,
  noteHit,
  noteScan,
  type Unscanned,
} from "../../models/packages/index.ts";
import { lasting } from "./attempt.ts";
import { scan } from "./steps/scan.ts";
import type { PackageTools } from "./tools.ts";

/** What is published, looked at again when the scanner has other signatures. */
export function createRescanActivities(tools: PackageTools) {
  const { database, readSignatures, settings, shell, bus } = tools;

  return {
    /** Twice: it only looks. Answers nothing when no scan is configured. */
    async findRescans(order: { limit: number; after: string[] }): Promise<Unscanned[]> {
      if (!settings.scanSignatures) return [];
      const { digest } = await readSignatures(settings.scanSignatures);
      return findUnscanned(database, digest, order);
    },

    /**
     * Twice: the same bytes are noted as scanned once, what is found is kept once, and what was withdrawn is not
     * withdrawn again. Answers what was found that nobody has approved.
     */
    async rescanVersion({ versionId }: { versionId: string }): Promise<string[]> {
      return lasting(async (signal) => {
        const target = await findShown(versionId);
        if (!target) return [];
        const hits: string[] = [];
        for (const input of target.objects) {
          const ids = { packageId: target.packageId, versionId, runId: randomUUID() };
          const { scanner, signatures, digest, found } = await shell.withScratch(
            `rescan-${versionId}`,
            (directory) => {
              const order = { ...ids, step: "scan", type: target.type, input, tries: 0 } as const;
              const limits = { turn: 1, version: "", timeoutSeconds: SCAN_SECONDS };
              return scan({ ...order, ...limits, tools, signal, directory, say: () => {} });
            },
          );
          const { sha256 } = input;
          const discovery = { ...ids, sha256, scanner, signatures, found };
          hits.push(...(await noteHit(database, discovery)));
          // Last: what is noted as scanned is not looked at again.
          await inTransaction(database, (transaction) =>
            noteScan({ versionId, sha256, signatures: digest }, transaction),
          );
        }
        if (hits.length > 0) await bus.announce({ type: "outbox.filled", data: {} });
        return [...new Set(hits)];
      });
    },
  };
}
