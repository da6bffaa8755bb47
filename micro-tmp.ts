import { createPool, createConnection } from "mysql2";
import { openDatabase } from "./models/database.ts";
const url = "mysql://longhaul:x@127.0.0.1:43999/hot";
const pool = createPool({ uri: url, connectionLimit: 16 });
const q = (sql: string) =>
  new Promise((ok, no) => pool.query(sql, (e: any, r: any) => (e ? no(e) : ok(r))));
await q(
  "CREATE TABLE IF NOT EXISTS cards (id CHAR(36) PRIMARY KEY, code_hash CHAR(64) NOT NULL UNIQUE, state VARCHAR(20) NOT NULL, machine_code VARCHAR(100), used_at DATETIME(3), expire_at DATETIME(3), uses_left INT, banned TINYINT NOT NULL, product VARCHAR(40))",
);
const [{ n }] = (await q("SELECT COUNT(*) n FROM cards")) as any;
if (n < 10000)
  for (let i = 0; i < 10; i++)
    await q(
      "INSERT INTO cards VALUES " +
        Array.from(
          { length: 1000 },
          (_, k) =>
            `(UUID(), SHA2('${i * 1000 + k}',256), 'active','machine-${k}', NOW(3), NOW(3)+INTERVAL 1 DAY, 5, 0, NULL)`,
        ).join(","),
    );
import { createHash } from "node:crypto";
const hashes = Array.from({ length: 10000 }, (_, k) =>
  createHash("sha256").update(String(k)).digest("hex"),
);
const sql =
  "SELECT id, state, machine_code, used_at, expire_at, uses_left, banned, product FROM cards WHERE code_hash = ?";
const database = await openDatabase({ url, define: () => {} } as any);
const uncast = Array.from({ length: 4 }, () =>
  createConnection({ uri: url, timezone: "+00:00" } as any),
);
const cast = Array.from({ length: 4 }, () =>
  createConnection({
    uri: url,
    timezone: "+00:00",
    typeCast: (_f: any, next: any) => next(),
  } as any),
);
let turn = 0;
const variants: Record<string, (h: string) => Promise<any>> = {
  poolExecute: (h) =>
    new Promise((ok, no) => pool.execute(sql, [h], (e: any, r: any) => (e ? no(e) : ok(r)))),
  poolQuery: (h) =>
    new Promise((ok, no) => pool.query(sql, [h], (e: any, r: any) => (e ? no(e) : ok(r)))),
  own4: (h) =>
    new Promise((ok, no) =>
      uncast[turn++ & 3]!.execute(sql, [h], (e: any, r: any) => (e ? no(e) : ok(r))),
    ),
  own4query: (h) =>
    new Promise((ok, no) =>
      uncast[turn++ & 3]!.query(sql, [h], (e: any, r: any) => (e ? no(e) : ok(r))),
    ),
  own4cast: (h) =>
    new Promise((ok, no) =>
      cast[turn++ & 3]!.execute(sql, [h], (e: any, r: any) => (e ? no(e) : ok(r))),
    ),
  ask: (h) => database.ask(sql, [h]),
};
for (const [n, f] of Object.entries(variants)) console.log(n, (await f(hashes[5]!))[0]);
const run = async (f: any, n: number, c: number) => {
  let i = 0;
  await Promise.all(
    Array.from({ length: c }, async () => {
      while (i++ < n) await f(hashes[i % 10000]);
    }),
  );
};
for (const c of [1, 16]) {
  const best: Record<string, number[]> = {};
  for (let r = 0; r < 4; r++)
    for (const [name, f] of Object.entries(variants)) {
      const b = process.cpuUsage();
      await run(f, 8000, c);
      const u = process.cpuUsage(b);
      (best[name] ??= []).push((u.user + u.system) / 8000);
    }
  for (const [n, x] of Object.entries(best))
    console.log(
      "c",
      c,
      n.padEnd(12),
      x.map((v) => v.toFixed(1)).join(" "),
      "min",
      Math.min(...x).toFixed(1),
      "us cpu",
    );
}
process.exit(0);
