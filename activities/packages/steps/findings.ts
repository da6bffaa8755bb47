import type { Finding } from "../../../domain/packages.ts";
import { inTransaction } from "../../../models/database.ts";
import { noteFindings } from "../../../models/packages/index.ts";
import { StepFailure } from "../attempt.ts";
import type { StepWork } from "./work.ts";

/** Who looked, and with what. */
export interface Scanner {
  scanner: string;
  signatures: string | null;
  /** What it ended with, if it is a program. */
  exitCode?: number;
}

/**
 * Keeps what was found in the step's input. Throws `finding` unless a person has approved all of it for these very
 * bytes: then the log says who, and the step goes on.
 */
export async function reportFindings(
  { tools, packageId, versionId, runId, input, say }: StepWork,
  { scanner, signatures, exitCode }: Scanner,
  found: Finding[],
): Promise<void> {
  if (found.length === 0) return;
  const { sha256 } = input;
  const rows = await inTransaction(tools.database, (transaction) =>
    noteFindings({ packageId, versionId, runId, sha256, scanner, signatures, found }, transaction),
  );
  for (const { name, detail, approvedBy, approvedAt, approvalReason } of rows) {
    const approval = approvedAt
      ? `: approved by ${approvedBy}, ${approvedAt.toISOString()}: ${approvalReason}`
      : "";
    say(`found ${name} (${detail})${approval}`);
  }
  const open = rows.filter(({ approvedAt }) => approvedAt === null);
  if (open.length === 0) return;
  const names = open.map(({ name }) => name).join(", ");
  throw new StepFailure("finding", `${scanner} found ${names}.`, exitCode ?? null);
}
