import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { z } from "zod";
import type { Route } from "../../api/route.ts";
import { routes } from "../../api/routes/index.ts";
import type { Actor } from "../../domain/accounts.ts";
import { BATCH_STATES, BULK_OUTCOMES, shardOf } from "../../domain/cards.ts";
import { HOLD_STATES, RECHARGE_STATES, SHORTFALL_STATES } from "../../domain/billing.ts";
import { DELIVERY_STATES } from "../../domain/webhooks.ts";
import {
  PACKAGE_SORTS,
  PACKAGE_STATUSES,
  PACKAGE_TYPES,
  RUN_STATES,
  VERSION_STATES,
} from "../../domain/packages.ts";
import { Account } from "../../models/accounts.ts";
import { Card, CardBulk, CardBulkResult } from "../../models/cards/index.ts";
import type { Database } from "../../models/database.ts";
import { WebhookDelivery } from "../../models/webhooks/index.ts";
import { newId } from "../../platform/crypto.ts";
import { ADMIN, startApi, type StartedApi } from "../support/api.ts";
import { seedCatalogue } from "../support/catalogue.ts";
import { makeBatch, makeProduct } from "../support/cards.ts";
import { describeDatabases } from "../support/database.ts";
import { planFaults, watchSelects } from "../support/plans.ts";
import { makeWebhook } from "../support/webhooks.ts";

const CARD_BULK = "00000000-0000-7000-8000-00000000000c";
const CARD_BATCH = "00000000-0000-7000-8000-00000000000b";
const PACKAGES = 1000;
const VERSIONS_EACH = 10;

const MOMENTS = {
  from: ["2026-01-01T05:00:00Z"],
  to: ["2026-01-01T05:00:00Z"],
  sort: ["newest", "oldest"],
};
const AUDIT = {
  ...MOMENTS,
  sort: undefined,
  action: ["packages.created"],
  actor: [ADMIN.accountId],
};

/** What each list is asked by: values for each of its parameters, those that find much and those that find little. */
const LISTS: Record<string, { path: string; given: Record<string, string[] | undefined> }> = {
  listPackages: {
    path: "/api/v1/packages",
    given: {
      ...MOMENTS,
      sort: [...PACKAGE_SORTS],
      name: ["Package 500100", "Package 5001*", "P*", "nothing*"],
      status: [...PACKAGE_STATUSES],
      type: [...PACKAGE_TYPES],
      channel: ["stable", "beta", "never-used"],
    },
  },
  listUsers: {
    path: "/api/v1/admin/users",
    given: {
      q: ["nobody", "n", "nobody@example.com", "13800138000"],
      role: ["admin", "user"],
      active: ["true", "false"],
      service: ["true", "false"],
    },
  },
  listVersions: {
    path: "/api/v1/packages/:serial/versions",
    given: {
      ...MOMENTS,
      status: [...VERSION_STATES],
      verdict: ["clear", "held"],
      channel: ["stable", "beta"],
      draft: ["true", "false"],
      yanked: ["true", "false"],
    },
  },
  listRuns: {
    path: "/api/v1/packages/:serial/runs",
    given: {
      ...MOMENTS,
      status: [...RUN_STATES],
      kind: ["upload", "yank"],
      channel: ["stable", "beta"],
      version: ["1.0.0"],
    },
  },
  listQuarantine: { path: "/api/v1/quarantine", given: {} },
  listPackageAudit: { path: "/api/v1/packages/:serial/audit", given: AUDIT },
  listAudit: {
    path: "/api/v1/audit",
    given: { ...AUDIT, subject: ["500100"], subject_kind: ["package", "webhook"] },
  },
  listWebhooks: { path: "/api/v1/webhooks", given: {} },
  listDeliveries: {
    path: "/api/v1/webhooks/:webhook/deliveries",
    given: { state: [...DELIVERY_STATES] },
  },
  listCards: {
    path: "/api/v1/cards",
    given: {
      ...MOMENTS,
      status: ["unused", "active"],
      prefix: ["VIP"],
      batch_id: [CARD_BATCH],
      product: ["studio"],
      text: ["VIP-AAAA000001", "0001", "autumn"],
      deleted: ["true"],
    },
  },
  listCardImports: { path: "/api/v1/cards/import", given: {} },
  listCardBulks: { path: "/api/v1/cards/bulk", given: {} },
  listCardBulkResults: {
    path: `/api/v1/cards/bulk/${CARD_BULK}/results`,
    given: { outcome: [...BULK_OUTCOMES] },
  },
  listCardBatches: {
    path: "/api/v1/cards/batches",
    given: { status: [...BATCH_STATES], prefix: ["VIP", "NONE"], product: ["studio"] },
  },
  listUserKeys: { path: `/api/v1/admin/users/${ADMIN.accountId}/api-keys`, given: {} },
  listSessions: { path: "/api/v1/auth/sessions", given: {} },
  readTransactions: { path: "/api/v1/users/transactions", given: { skip: ["0", "40"] } },
  readBills: { path: "/api/v1/users/bills", given: { skip: ["0", "40"] } },
  listHolds: { path: "/api/v1/admin/holds", given: { status: [...HOLD_STATES] } },
  listRecharges: { path: "/api/v1/admin/recharges", given: { status: [...RECHARGE_STATES] } },
  listShortfalls: { path: "/api/v1/admin/shortfalls", given: { status: [...SHORTFALL_STATES] } },
  listPrices: { path: "/api/v1/admin/prices", given: {} },
  listLedger: { path: "/api/v1/admin/ledger", given: { user_id: [ADMIN.accountId] } },
  listApiKeys: { path: "/api/v1/api-keys", given: {} },
};

/** What is asked most often of one package. */
const SINGLE = [
  "/api/v1/packages/:serial",
  "/api/v1/packages/:serial/statistics?from=2026-01-01&to=2026-06-30",
  "/api/v1/packages/:serial/install",
  "/api/v1/package/query?package_id=:serial",
  "/api/v1/package/query?package_name=Package%20:serial",
  "/update/:serial/stable/0.0.1",
];

/** May ask everything, and sees no one else's webhooks. */
const MEMBER: Actor = {
  ...ADMIN,
  permissions: ADMIN.permissions.filter((permission) => permission !== "webhooks:oversee"),
};

/** Says which page, or in which form, and nothing of what is in the list. */
const PAGING = new Set(["after", "limit", "format"]);

function parametersOf({ query }: Route): string[] {
  const schema = query as z.ZodObject | z.ZodPipe | undefined;
  if (!schema) return [];
  return Object.keys("shape" in schema ? schema.shape : (schema.in as z.ZodObject).shape);
}

test("every list of the product is asked here, by every one of its parameters", () => {
  const lists = Object.entries(routes).filter(([, route]) => parametersOf(route).includes("limit"));
  const asked = Object.entries(LISTS).map(([name, { given }]) => [name, filled(given).sort()]);

  expect(Object.fromEntries(asked)).toEqual(
    Object.fromEntries(
      lists.map(([name, route]) => [
        name,
        parametersOf(route)
          .filter((parameter) => !PAGING.has(parameter))
          .sort(),
      ]),
    ),
  );
});

describeDatabases(({ open }) => {
  test("of 1,000 packages and 10,000 versions every list finds its rows by an index, by any filter and sort", async () => {
    const database = await open();
    const { serials } = await seedCatalogue(database, {
      packages: PACKAGES,
      versionsEach: VERSIONS_EACH,
    });
    const webhook = await seedDeliveries(database);
    await makeProduct("studio");
    await makeBatch({ id: CARD_BATCH });
    await seedBulk();
    const { accountId, name: username } = ADMIN;
    await Account.create({ id: accountId, username, passwordHash: "h", role: "admin" });
    await tellOptimizer(database);
    const api = await startApi({ services: { database } });
    const faults: Record<string, string[]> = {};
    let asked = 0;

    const judge = async (statements: string[]) => {
      asked += statements.length;
      for (const statement of statements) {
        const found = await planFaults(database, statement);
        if (found.length > 0) faults[statement] = found;
      }
    };

    for (const path of SINGLE) {
      const address = path.replaceAll(":serial", serials[500]!);
      await judge(await watchSelects(database, () => askOne(api, address)));
    }
    for (const { path, given } of Object.values(LISTS)) {
      const address = path.replace(":serial", serials[500]!).replace(":webhook", webhook);
      for (const query of questions(given)) {
        // Whose the rows are is a filter too.
        for (const actor of query.size === 0 ? [ADMIN, MEMBER] : [ADMIN]) {
          const statements = await watchSelects(database, () =>
            askTwoPages(api, actor, `${address}?limit=5&${query.toString()}`),
          );
          await judge(statements);
        }
      }
    }

    expect(faults).toEqual({});
    expect(asked).toBeGreaterThan(500);
  });

  test("what would read a whole table, or sort one, is found out", async () => {
    const database = await open();
    await seedCatalogue(database, { packages: 200, versionsEach: 1 });
    const faultsOf = (rest: string) => planFaults(database, `SELECT * FROM packages ${rest}`);

    expect(await faultsOf("WHERE description = 'x'")).not.toEqual([]);
    expect(await faultsOf("WHERE deleted_at IS NULL ORDER BY description LIMIT 5")).not.toEqual([]);
    expect(await faultsOf("ORDER BY serial")).not.toEqual([]);
    expect(await faultsOf("WHERE serial = 500001")).toEqual([]);
  });
});

/** Each parameter by itself and with each other one that stands for something else, and nothing at all. */
function* questions(given: Record<string, string[] | undefined>): Generator<URLSearchParams> {
  yield new URLSearchParams();
  const pairs = filled(given).flatMap((name) =>
    given[name]!.map((value) => [name, value] as const),
  );
  for (const [at, one] of pairs.entries()) {
    yield new URLSearchParams([[...one]]);
    for (const other of pairs.slice(at + 1)) {
      if (one[0] !== other[0]) yield new URLSearchParams([[...one], [...other]]);
    }
  }
}

function filled(given: Record<string, string[] | undefined>): string[] {
  return Object.keys(given).filter((name) => given[name] !== undefined);
}

async function askOne(api: StartedApi, path: string): Promise<void> {
  const headers = { "x-api-key": api.tokenOf(ADMIN) };
  expect((await api.call(undefined, "GET", path, { headers })).status, path).toBe(200);
}

async function askTwoPages(api: StartedApi, actor: Actor, path: string): Promise<void> {
  const { status, body } = await api.call(actor, "GET", path);
  // Some filters are refused together; that asks the database for nothing.
  expect([200, 422], path).toContain(status);
  if (!body.next) return;
  expect((await api.call(actor, "GET", `${path}&after=${body.next}`)).status).toBe(200);
}

async function seedDeliveries(database: Database): Promise<string> {
  const ids: string[] = [];
  for (let count = 0; count < 20; count++) ids.push((await makeWebhook(database)).webhook.id);
  const states = DELIVERY_STATES;
  await WebhookDelivery.bulkCreate(
    ids.flatMap((webhookId) =>
      Array.from({ length: 50 }, (_, number) => ({
        id: newId(),
        webhookId,
        eventId: newId(),
        event: "package.published" as const,
        body: "{}",
        state: states[number % states.length]!,
      })),
    ),
  );
  return ids[7]!;
}

async function seedBulk(): Promise<void> {
  const { accountId, name: actorName } = ADMIN;
  const about = { order: { verb: "ban" } as const, filters: {}, asked: {}, total: 1000 };
  await CardBulk.create({ id: CARD_BULK, ...about, accountId, actorName });
  const ids = Array.from({ length: 1000 }, () => newId());
  await Card.bulkCreate(
    ids.map((id) => ({
      id,
      prefix: "VIP",
      codeHash: createHash("sha256").update(id).digest("hex"),
      codeTail: "0000",
      codeSealed: "sealed",
      shard: shardOf(id),
    })),
  );
  await CardBulkResult.bulkCreate(
    ids.map((cardId, number) => ({
      bulkId: CARD_BULK,
      cardId,
      outcome: BULK_OUTCOMES[number % BULK_OUTCOMES.length]!,
    })),
  );
}

/** MariaDB counts rows by itself some time later; SQLite goes by its rules, as it does in the product. */
async function tellOptimizer({ sequelize, dialect }: Database): Promise<void> {
  if (dialect === "sqlite") return;
  const tables = Object.values(sequelize.models).map(({ tableName }) => tableName);
  await sequelize.query(`ANALYZE TABLE ${tables.join(", ")}`);
}
