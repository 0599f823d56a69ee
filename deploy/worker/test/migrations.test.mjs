import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { migrate, queryD1, startHarness } from "../harness/start.mjs";
import { post, rows, sampleDay, storedDay } from "./support.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const DATE = "2026-02-11";
const FIRST = "0001_snapshot_tables.sql";
const ASSETS = "metrics_portfolio_assets";

const OLD_ROWS = [
  "INSERT INTO metrics_daily VALUES ('2026-02-10', 'u', 'h', 's', '[]', '{}')",
  "INSERT INTO metrics_daily VALUES ('2026-02-11', 'u', 'h', 's', '[]', '{}')",
  `INSERT INTO ${ASSETS} VALUES ('2026-02-11', 7, 'S', 'C'), ('2026-02-11', 7, 'T', 'D'),
     ('2026-02-10', -9007199254740992, 'ünï', 'a''b')`,
];
const assets = [
  { date: "2026-02-10", trade_id: -9007199254740992, symbol: "ünï", contract_name: "a'b" },
  { date: "2026-02-11", trade_id: 7, symbol: "S", contract_name: "C" },
  { date: "2026-02-11", trade_id: 7, symbol: "T", contract_name: "D" },
];
const SELECT_ASSETS = `SELECT * FROM ${ASSETS} ORDER BY date, contract_name`;
const withoutSymbol = {
  date: DATE,
  rows: [],
  overlay: { assets: [{ trade_id: 1, symbol: null, contract_name: "C" }] },
};

describe("a database with the first migration and rows", () => {
  test("gets the other migrations, keeps its rows, and then accepts assets without a symbol", async (t) => {
    const harness = await oldDatabase(t);
    const { status, body } = await post(harness, withoutSymbol);
    assert.equal(status, 503, "the old table rejects assets without a symbol");
    assert.match(body.error.message, /apply its migrations/);

    await migrate(harness);
    assert.deepEqual(await rows(harness, SELECT_ASSETS), assets);
    await checkSchema(harness);
    assert.equal((await post(harness, withoutSymbol)).status, 200);
    assert.deepEqual((await storedDay(harness, DATE))[ASSETS], [
      { date: DATE, trade_id: 1, symbol: null, contract_name: "C" },
    ]);

    await rows(harness, "DELETE FROM metrics_daily WHERE date = '2026-02-10'");
    assert.deepEqual(
      (await storedDay(harness, "2026-02-10"))[ASSETS],
      [],
      "the cascade deletes the assets",
    );
  });

  test("keeps a view that reads the table", async (t) => {
    const harness = await oldDatabase(t);
    await rows(harness, `CREATE VIEW holdings AS SELECT date, symbol FROM ${ASSETS}`);
    await migrate(harness);
    const [{ n }] = await rows(harness, "SELECT count(*) AS n FROM holdings");
    assert.equal(n, 3);
  });

  test("does not change when a migration fails, and gets the migration later", async (t) => {
    const harness = await oldDatabase(t);
    await rows(harness, `CREATE TABLE ${ASSETS}_copy (x)`); // makes the second migration fail
    await assert.rejects(migrate(harness), /already exists/);
    assert.deepEqual(await rows(harness, SELECT_ASSETS), assets);

    await rows(harness, `DROP TABLE ${ASSETS}_copy`);
    await migrate(harness);
    assert.deepEqual(await rows(harness, SELECT_ASSETS), assets);
  });
});

test("on a database whose symbols are already nullable, the migration changes nothing", async (t) => {
  const harness = await startHarness();
  t.after(() => harness.stop());
  await post(harness, sampleDay(DATE, "A"));
  await post(harness, { ...withoutSymbol, date: "2026-02-12" });
  const before = await rows(harness, SELECT_ASSETS);
  assert.equal(before.length, 2);

  await rows(harness, `DELETE FROM d1_migrations WHERE name <> '${FIRST}'`);
  await migrate(harness);
  assert.deepEqual(await rows(harness, SELECT_ASSETS), before);
  await checkSchema(harness);
});

test("migrations are applied only at the first use of a persisted database", async (t) => {
  const persist = await temporaryFolder(t);
  const first = await startHarness({ persist });
  const applied = await rows(first, "SELECT * FROM d1_migrations ORDER BY id");
  assert.ok(applied.length >= 2);
  await first.stop();
  const second = await startHarness({ persist });
  t.after(() => second.stop());
  assert.deepEqual(await rows(second, "SELECT * FROM d1_migrations ORDER BY id"), applied);
});

test("wrangler itself applies the migrations to a database with rows", async (t) => {
  const folder = await temporaryFolder(t);
  const wrangler = wranglerIn(folder);
  await mkdir(join(folder, "migrations"));
  await cp(join(root, "migrations", FIRST), join(folder, "migrations", FIRST));
  await wrangler("migrations", "apply", "DB", "--local");
  await wrangler("execute", "DB", "--local", "--command", OLD_ROWS.join("; "));

  await cp(join(root, "migrations"), join(folder, "migrations"), { recursive: true });
  await wrangler("migrations", "apply", "DB", "--local");
  const sql = `INSERT INTO ${ASSETS} VALUES ('2026-02-11', 8, NULL, 'E'); ${SELECT_ASSETS}`;
  const output = await wrangler("execute", "DB", "--local", "--json", "--command", sql);
  const { results } = JSON.parse(output).at(-1);
  const added = { date: DATE, trade_id: 8, symbol: null, contract_name: "E" };
  assert.deepEqual(results, [...assets, added]);
});

async function oldDatabase(t) {
  const harness = await startHarness({ migrations: false, onLog: () => {} });
  t.after(() => harness.stop());
  await migrate(harness, FIRST);
  const { success } = await queryD1(harness, { batch: OLD_ROWS.map((sql) => ({ sql })) });
  assert.ok(success);
  return harness;
}

async function checkSchema(harness) {
  const columns = await rows(
    harness,
    `SELECT name, type, "notnull", pk FROM pragma_table_info(?1)`,
    [ASSETS],
  );
  assert.deepEqual(
    columns.map(({ name, type, notnull, pk }) => [name, type, notnull, pk]),
    [
      ["date", "TEXT", 1, 1],
      ["trade_id", "INTEGER", 1, 2],
      ["symbol", "TEXT", 0, 0],
      ["contract_name", "TEXT", 1, 3],
    ],
  );
  const tables = await rows(harness, "SELECT name, sql FROM sqlite_schema WHERE type = 'table'");
  assert.ok(tables.every(({ name }) => !name.includes("_copy")));
  const { sql } = tables.find(({ name }) => name === ASSETS);
  assert.match(sql, /REFERENCES metrics_daily\(date\) ON DELETE CASCADE/);
  assert.match(sql, /WITHOUT ROWID/);
}

async function temporaryFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Runs `wrangler d1 ...` in a folder with its own configuration and database. */
function wranglerIn(folder) {
  const program = join(root, "node_modules/wrangler/bin/wrangler.js");
  const database = { binding: "DB", database_name: "days", database_id: "days" };
  const config = { name: "days", compatibility_date: "2026-04-01", d1_databases: [database] };
  const env = {
    ...process.env,
    CI: "1", // disables prompts
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: join(folder, "log"),
  };
  return async (...args) => {
    await writeFile(join(folder, "wrangler.json"), JSON.stringify(config));
    const call = promisify(execFile)(process.execPath, [program, "d1", ...args], {
      cwd: folder,
      env,
    });
    return (await call).stdout;
  };
}
