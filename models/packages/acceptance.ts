import type { Transaction } from "sequelize";
import type { Actor } from "../../domain/accounts.ts";
import { refusal } from "../../domain/errors.ts";
import { workflowId } from "../../domain/ids.ts";
import { assertSameType } from "../../domain/packages.ts";
import type { PackageType, RunKind } from "../../domain/packages.ts";
import { type Database, inTransaction, isTaken } from "../database.ts";
import { adoptStaged, enqueue, nextSerial, recordAudit } from "../operations.ts";
import { emitRunEvent } from "./events.ts";
import { takeNumber } from "./link.ts";
import { Package, PackageRun, PackageVersion } from "./tables.ts";

/** Who asks, and in which request. */
interface Asker {
  actor: Actor;
  address: string;
  requestId: string;
}

/** An original that was received, staged and looked into. The ids are made by the API, before the bytes come. */
export interface ReceivedOriginal {
  packageId: string;
  versionId: string;
  runId: string;
  version: string;
  description: string | null;
  type: PackageType;
  fileName: string;
  key: string;
  bytes: number;
  sha256: string;
}

/** Accepts the first version of a new package. Refuses a taken name with the id of its owner. */
export async function acceptPackage(
  database: Database,
  name: string,
  original: ReceivedOriginal,
  asker: Asker,
): Promise<void> {
  try {
    await inTransaction(database, async (transaction) => {
      const { packageId: id, type, description } = original;
      const serial = await nextSerial("packages", transaction);
      const created = await Package.create(
        { id, serial, name, description, type },
        { transaction },
      );
      await acceptOriginal(created, original, asker, transaction);
      const after = { name, type, version: original.version };
      await audit("packages.created", created, after, asker, transaction);
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    const owner = await Package.findOne({ where: { name } });
    if (!owner) throw error;
    throw refusal(
      "packages/name-taken",
      "A package of this name exists. Upload to its versions instead.",
      { fields: { id: String(owner.serial) } },
    );
  }
}

/** Accepts another version of a package. Refuses one that exists. */
export async function acceptVersion(
  database: Database,
  owner: Package,
  original: ReceivedOriginal,
  asker: Asker,
): Promise<void> {
  assertSameType(owner.type, original.type);
  try {
    await inTransaction(database, async (transaction) => {
      await acceptOriginal(owner, original, asker, transaction);
      const after = { version: original.version };
      await audit("packages.version-uploaded", owner, after, asker, transaction);
    });
  } catch (error) {
    if (!isTaken(error)) throw error;
    throw refusal(
      "packages/version-taken",
      `Version ${original.version} exists. Upload under another version.`,
    );
  }
}

/** Accepts that an earlier version is to be shown again. */
export async function acceptRollback(
  database: Database,
  owner: Package,
  { runId, version }: { runId: string; version: PackageVersion },
  asker: Asker,
): Promise<void> {
  await inTransaction(database, async (transaction) => {
    await startRun(owner, { runId, kind: "rollback", version }, asker, transaction);
    const after = { version: version.version };
    await audit("packages.rolled-back", owner, after, asker, transaction);
  });
}

async function acceptOriginal(
  owner: Package,
  original: ReceivedOriginal,
  asker: Asker,
  transaction: Transaction,
): Promise<void> {
  await adoptStaged(original.key, transaction);
  const version = await PackageVersion.create(
    {
      id: original.versionId,
      packageId: owner.id,
      version: original.version,
      description: original.description,
      state: "processing",
      fileName: original.fileName,
      originalKey: original.key,
      originalBytes: original.bytes,
      originalSha256: original.sha256,
    },
    { transaction },
  );
  await startRun(owner, { runId: original.runId, kind: "upload", version }, asker, transaction);
  await emitRunEvent("package.version_accepted", original.runId, transaction);
}

/** Adds the run and, in the same transaction, the message that tells the package's workflow of it. */
async function startRun(
  owner: Package,
  { runId, kind, version }: { runId: string; kind: RunKind; version: PackageVersion },
  { actor, requestId }: Asker,
  transaction: Transaction,
): Promise<void> {
  const packageId = owner.id;
  const number = await takeNumber(packageId, transaction);
  await PackageRun.create(
    {
      id: runId,
      packageId,
      versionId: version.id,
      kind,
      number,
      state: "queued",
      requestedById: actor.accountId,
      requestedBy: actor.name,
      requestId,
    },
    { transaction },
  );
  const serial = String(owner.serial);
  const title = `${owner.name} ${version.version}`;
  await enqueue(
    {
      id: runId,
      workflow: "packageLine",
      workflowId: workflowId("package", packageId),
      input: { packageId, serial },
      command: {
        update: kind === "upload" ? "replacePackage" : "rollBackPackage",
        id: runId,
        argument: { packageId, runId, kind, number, title },
      },
      summary: `Package ${owner.name}`,
      kind: "package",
      subject: serial,
      headers: { accountId: actor.accountId, actorName: actor.name, requestId },
    },
    transaction,
  );
}

function audit(
  action: string,
  owner: Package,
  after: object,
  { actor, address, requestId }: Asker,
  transaction: Transaction,
): Promise<void> {
  const subject = { subjectKind: "package", subjectId: String(owner.serial) };
  return recordAudit({ actor, action, ...subject, address, requestId, after }, transaction);
}
