import { Context } from "@temporalio/activity";
import { inTransaction } from "../../models/database.ts";
import { recordAudit } from "../../models/operations.ts";
import { Package } from "../../models/packages/index.ts";
import { stepFailureIn } from "./attempt.ts";
import type { PackageTools } from "./tools.ts";

/** From this try on it is no hiccup: somebody should know. */
const TOLD_AT_TRY = 3;

/**
 * Lets edges forget addresses of a package for which there is no run that could say what stands in the way: the
 * package's audit says so once, and once more when they have heard.
 */
export async function purgeAudited(
  { database, edge, redact }: PackageTools,
  packageId: string,
  { urls, signal }: { urls: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const { attempt } = Context.current().info;
  const tell = async (action: string, after: object) => {
    const owner = await Package.findByPk(packageId);
    if (!owner) return;
    const subject = { subjectKind: "package", subjectId: String(owner.serial) };
    await inTransaction(database, (transaction) =>
      recordAudit({ actor: null, action, ...subject, after }, transaction),
    );
  };
  try {
    await edge.purge(urls, { signal });
  } catch (error) {
    if (attempt === TOLD_AT_TRY && !signal.aborted) {
      const reason = `Edges may still show it: ${stepFailureIn(error, redact).message}`;
      await tell("packages.purge-delayed", { addresses: urls.length, reason });
    }
    throw error;
  }
  if (attempt > TOLD_AT_TRY) await tell("packages.purge-done", { addresses: urls.length });
}
