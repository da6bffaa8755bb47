import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type Database, inTransaction } from "../../models/database.ts";
import { AuditEntry, recordAudit } from "../../models/operations.ts";
import { migrate } from "../../models/schema.ts";
import { databasePlace } from "../../platform/database-place.ts";
import { readEnv } from "../../platform/env.ts";
import { openPlace } from "../support/database.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The database of a platform of its own with three audit entries, and the command as its operator runs it. */
async function startAudited() {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-audit-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = { LONGHAUL_DATA: folder };
  const database = await openPlace(databasePlace(readEnv(env)));
  await migrate(database);
  for (const subjectId of ["1", "2", "3"]) await note(database, subjectId);
  const verify = (...args: string[]) =>
    new Promise<{ code: number; said: string }>((resolve) => {
      const child = execFile(
        process.execPath,
        ["--import", "tsx", "scripts/audit-verify.ts", ...args],
        { cwd: ROOT, env: { ...process.env, ...env } },
        (_, stdout, stderr) => resolve({ code: child.exitCode!, said: stdout + stderr }),
      );
    });
  return { database, verify };
}

async function note(database: Database, subjectId: string) {
  const what = { actor: null, action: "test.made", subjectKind: "test", subjectId };
  await inTransaction(database, (transaction) => recordAudit(what, transaction));
}

test("audit:verify prints the head of a whole audit, and holds the audit against it later", async () => {
  const { database, verify } = await startAudited();
  const before = await verify();
  const [, head] = /Head: (3:[0-9a-f]{64})/.exec(before.said)!;
  await note(database, "4");

  const after = await verify("--anchor", head!);

  expect(before.code).toBe(0);
  expect(after).toMatchObject({ code: 0, said: expect.stringContaining("4 entries") });
  expect(await verify("--anchor", `3:${"a".repeat(64)}`)).toMatchObject({
    code: 1,
    said: expect.stringContaining("entry 3"),
  });
  expect(await verify("--anchor", "3")).toMatchObject({ code: 78 });
});

test("audit:verify ends with 1 and names the first broken entry", async () => {
  const { verify } = await startAudited();
  await AuditEntry.update({ actorName: "eve" }, { where: { sequence: 2 } });

  const { code, said } = await verify();

  const { id } = (await AuditEntry.findOne({ where: { sequence: 2 } }))!;
  expect(code).toBe(1);
  expect(said).toContain(`The audit is broken: entry 2 (${id}) is not as it was written`);
});
