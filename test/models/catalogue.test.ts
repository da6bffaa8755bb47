import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { SHIPPED_PIPELINES } from "../../domain/shipped-pipelines.ts";
import { inTransaction } from "../../models/database.ts";
import { AuditEntry, verifyAudit } from "../../models/operations.ts";
import { Package, PackageRun, PackageVersion } from "../../models/packages/index.ts";
import { createPipeline, findPipelineVersion, savePipeline } from "../../models/pipelines.ts";
import { exportCatalogue } from "../../scripts/catalogue/export.ts";
import { importCatalogue } from "../../scripts/catalogue/import.ts";
import {
  CatalogueFault,
  catalogueTables,
  placesIn,
  rowsOf,
} from "../../scripts/catalogue/manifest.ts";
import { describeDatabases } from "../support/database.ts";
import { ADMIN, startApi, type StartedApi } from "../support/api.ts";
import { digestOf, publishByHand, uploadForm, uploadPackage, zipOf } from "../support/packages.ts";

const say = () => undefined;
const asker = { actor: ADMIN, address: "127.0.0.1", requestId: "r" };

/** Tables that stay: keys, sessions and secrets, what tells other systems, and what is of this platform's moment alone. */
const STAYING = [
  "accounts",
  "api_key_packages",
  "api_keys",
  // It goes out as a file of its own.
  "audit_entries",
  "audit_heads",
  // Cards belong to their sellers, and their codes to this platform's keys.
  "card_batches",
  "card_bulk_results",
  "card_bulks",
  "card_counts",
  "card_import_faults",
  "card_imports",
  "card_machines",
  "card_news",
  "card_policies",
  "card_products",
  "card_sellers",
  "card_uses",
  "card_wheels",
  "cards",
  // What somebody was told is soon forgotten anyhow.
  "feed_frames",
  "feed_tasks",
  "feeds",
  // The way out is each platform's own.
  "cookies",
  "disk_leases",
  "disks",
  // What was downloaded is its owner's, who stays.
  "download_attempts",
  "download_quotas",
  "download_tickets",
  "download_traffic",
  "downloads",
  "gate_passes",
  "gate_waiters",
  "gates",
  // People, and what they own, stay with their platform: packages move, money does not.
  "holds",
  "idempotency_keys",
  "ledger_balances",
  "ledger_entries",
  "media_parses",
  "oidc_identities",
  "oidc_states",
  "outbox_entries",
  "package_log_chunks",
  // A schedule runs on its platform's Temporal server: it is set anew.
  "package_schedules",
  "prices",
  "proxies",
  "proxy_leases",
  "proxy_policies",
  "recharges",
  "recovery_codes",
  "refresh_tokens",
  "roles",
  "sessions",
  "shared_media",
  "shortfalls",
  "staged_objects",
  "team_invitations",
  "team_members",
  "teams",
  "totp_secrets",
  "verification_codes",
  "webhook_attempts",
  "webhook_deliveries",
  "webhooks",
  "wechat_identities",
  "wechat_scenes",
  "worker_reports",
];

// From SQLite to each database: the platform that is exported has its own.
describeDatabases(({ open }) => {
  /** A platform to import into. */
  const startEmpty = async () => startApi({ services: { database: await open() } });

  test("every table is exported, or stays on purpose", async () => {
    const { sequelize } = await open();
    const exportedTables = catalogueTables().map(({ name }) => name);

    const all = Object.values(sequelize.models).map(({ tableName }) => tableName);

    expect([...exportedTables, ...STAYING].sort()).toEqual(all.sort());
  });

  test("shows the same bytes behind every link, and the same history", async () => {
    const { api: from, ids } = await startWithPackages();
    const before = await doorsOf(from, ids);
    const listed = await listOf(from, ids);
    const folder = await exported(from);
    const to = await startEmpty();

    expect(await importCatalogue({ ...to.services, folder, say })).toBe(true);

    expect(await doorsOf(to, ids)).toEqual(before);
    expect(Object.keys(before).length).toBe(ids.length * 3);
    expect(await listOf(to, ids)).toEqual(listed);
    const next = await uploadPackage(to);
    expect(Number(next.body.id)).toBe(Math.max(...ids.map(Number)) + 1);
  });

  test("holds the audit as a chain that can be verified, and no key, session or webhook", async () => {
    const { api } = await startWithPackages();
    const verdict = await verifyAudit(api.services.database);
    const folder = await exported(api);

    const files = await readdir(join(folder, "rows"));
    const manifest = JSON.parse(await readFile(placesIn(folder).manifest, "utf8"));

    expect(manifest.audit_head).toEqual(verdict.whole && verdict.head);
    expect(manifest.files.audit.rows).toBe(manifest.audit_head.sequence);
    expect(files.filter((name) => /account|session|key|webhook|token/.test(name))).toEqual([]);
  });

  test("has ended what was under way, so that nothing waits for ever", async () => {
    const { api, ids } = await startWithPackages();
    const form = uploadForm({ version: "9.0.0" }, { bytes: await zipOf({ a: "9" }) });
    await api.call(ADMIN, "POST", `/api/v1/packages/${ids[0]}/versions`, { form });
    const folder = await exported(api);
    const to = await startEmpty();

    await importCatalogue({ ...to.services, folder, say });

    const version = await PackageVersion.findOne({
      where: { version: "9.0.0" },
      rejectOnEmpty: true,
    });
    const run = await PackageRun.findOne({ where: { versionId: version.id } });
    expect(version.state).toBe("failed");
    expect(run).toMatchObject({ state: "cancelled", reason: expect.stringContaining("exported") });
  });

  test("is imported once, into an empty platform alone", async () => {
    const { api } = await startWithPackages();
    const folder = await exported(api);
    const used = await startEmpty();
    await uploadPackage(used);

    await expect(importCatalogue({ ...used.services, folder, say })).rejects.toThrow(
      "This platform has packages. Import into an empty one.",
    );
    const to = await startEmpty();
    expect(await importCatalogue({ ...to.services, folder, say })).toBe(true);
    expect(await importCatalogue({ ...to.services, folder, say })).toBe(false);
    expect(await AuditEntry.count({ where: { action: "packages.catalogue-imported" } })).toBe(1);
  });

  test("brings every pipeline with all its versions, and takes the place of nobody's", async () => {
    const { api } = await startWithPackages();
    const zip = SHIPPED_PIPELINES["zip"]!;
    await savePipeline(api.services.database, "zip", { ...zip, description: "Ours" }, asker);
    const folder = await exported(api);
    const used = await startEmpty();
    await createPipeline(used.services.database, "mine", zip, asker);

    await expect(importCatalogue({ ...used.services, folder, say })).rejects.toThrow(
      "This platform has pipelines of its own.",
    );
    const to = await startEmpty();
    await importCatalogue({ ...to.services, folder, say });

    expect(await findPipelineVersion("zip", 1)).toMatchObject({ definition: zip });
    expect(await findPipelineVersion("zip")).toMatchObject({
      version: 2,
      definition: { description: "Ours" },
    });
  });

  test("goes on where a crash has left it, on both sides", async () => {
    const { api, ids } = await startWithPackages();
    const before = await doorsOf(api, ids);
    const folder = await exported(api);
    await rm(placesIn(folder).manifest);
    const kept = await stampsOf(folder);
    await exportCatalogue({ ...api.services, folder, say });
    const to = await startEmpty();
    let puts = 0;
    const objects = {
      ...to.services.objects,
      put: (...args: Parameters<typeof to.services.objects.put>) => {
        if (++puts === 3) throw new Error("power cut");
        return to.services.objects.put(...args);
      },
    };

    await expect(importCatalogue({ ...to.services, objects, folder, say })).rejects.toThrow(
      "power",
    );
    expect(await Package.count()).toBe(0);
    await importCatalogue({ ...to.services, folder, say });

    expect(await stampsOf(folder)).toEqual(kept);
    expect(await doorsOf(to, ids)).toEqual(before);
  });

  test.each([
    "no manifest",
    "other rows",
    "an object cut short",
    "an object gone",
    "an audit edited",
  ])("is refused with %s", async (damage) => {
    const { api } = await startWithPackages();
    const folder = await exported(api);
    await harm(folder, damage);
    const to = await startEmpty();

    const refused = await importCatalogue({ ...to.services, folder, say }).catch((error) => error);

    expect(refused).toBeInstanceOf(CatalogueFault);
    expect((refused as Error).message).toMatch(/holds no finished export|is damaged/);
    expect(await Package.count()).toBe(0);
  });

  test("an export finds out when bytes are not those of their row", async () => {
    const { api } = await startWithPackages();
    const { artefactKey, originalKey } = await PackageVersion.findOne({ rejectOnEmpty: true });
    for (const key of [artefactKey!, originalKey]) await api.services.objects.put(key, "other");

    await expect(exported(api)).rejects.toThrow(/has other bytes than its row says/);
  });
});

/** Two packages, each with a version on its link and one on the link of a channel. */
async function startWithPackages() {
  const api = await startApi();
  const ids: string[] = [];
  for (let count = 0; count < 2; count++) {
    const { id } = (await uploadPackage(api)).body as { id: string };
    await publishByHand(api, id, "1.0.0");
    const bytes = await zipOf({ a: `beta of ${id}` });
    const form = uploadForm({ version: "2.0.0", channel: "beta" }, { bytes });
    await api.call(ADMIN, "POST", `/api/v1/packages/${id}/versions`, { form });
    await publishByHand(api, id, "2.0.0");
    ids.push(id);
  }
  await inTransaction(api.services.database, (transaction) =>
    PackageVersion.update({ facts: { minSdk: 21 } }, { where: {}, transaction }),
  );
  return { api, ids };
}

async function exported({ services }: StartedApi): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "longhaul-catalogue-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await exportCatalogue({ ...services, folder, say });
  return folder;
}

/** The digest of what each public address answers, and its tag. */
async function doorsOf(api: StartedApi, ids: string[]): Promise<Record<string, unknown>> {
  const doors: Record<string, unknown> = {};
  for (const id of ids) {
    for (const file of ["release.zip", "beta.zip", "v/1.0.0/app.zip"]) {
      const response = await fetch(`${api.address}/dist/${id}/${file}`);
      const sha256 = digestOf(Buffer.from(await response.arrayBuffer()));
      doors[`${id}/${file}`] = [response.status, response.headers.get("etag"), sha256];
    }
  }
  return doors;
}

/** What is told of packages, versions and runs; addresses are each platform's own. */
async function listOf(api: StartedApi, ids: string[]): Promise<string> {
  const told: unknown[] = [];
  for (const id of ids) {
    for (const part of ["versions", "runs"]) {
      told.push((await api.call(ADMIN, "GET", `/api/v1/packages/${id}/${part}`)).body.items);
    }
  }
  return JSON.stringify(told).replaceAll(/http:[^"]+/g, "");
}

/** Which bytes are there, and since when. */
async function stampsOf(folder: string): Promise<string[]> {
  const stamps: string[] = [];
  for await (const { sha256 } of rowsOf(placesIn(folder).rows("objects"))) {
    const { mtimeMs } = await stat(placesIn(folder).object(String(sha256)));
    stamps.push(`${String(sha256)} ${mtimeMs}`);
  }
  return stamps;
}

async function harm(folder: string, damage: string): Promise<void> {
  const places = placesIn(folder);
  const [first] = (await stampsOf(folder))[0]!.split(" ");
  switch (damage) {
    case "no manifest":
      return rm(places.manifest);
    case "other rows":
      return writeFile(places.rows("packages"), "");
    case "an object cut short":
      return truncate(places.object(first!), 3);
    case "an object gone":
      return rm(places.object(first!));
    case "an audit edited": {
      const text = await readFile(places.rows("audit"), "utf8");
      return writeFile(places.rows("audit"), text.replace("admin", "nobody"));
    }
  }
}
