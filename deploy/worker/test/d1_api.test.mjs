import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { failNextQueries, queryD1 } from "../harness/start.mjs";
import { DAYS, deleteAllDays, get, harnessForFile, rows } from "./support.mjs";

const harness = await harnessForFile();
const query = (body) => queryD1(harness, body);
const insert = (date, summary = "") => ({
  sql: "INSERT INTO metrics_daily VALUES (?1, '', '', ?2, '[]', '{}')",
  params: [date, summary],
});
beforeEach(() => deleteAllDays(harness));

function isRejected(answer, status, code, message) {
  assert.deepEqual([answer.status, answer.success, answer.errors[0].code], [status, false, code]);
  assert.match(answer.errors[0].message, message);
}

test("a query returns Cloudflare's envelope", async () => {
  await query(insert("2026-02-11"));
  const answer = await query({
    sql: "SELECT date FROM metrics_daily WHERE date = ?1",
    params: ["2026-02-11"],
  });
  assert.deepEqual(
    [answer.status, answer.success, answer.errors, answer.messages],
    [200, true, [], []],
  );
  const [{ results, success, meta }] = answer.result;
  assert.deepEqual([results, success], [[{ date: "2026-02-11" }], true]);
  assert.equal(typeof meta.rows_read, "number");
});

test("a batch returns a result for each statement, and the Worker reads the written rows", async () => {
  const answer = await query({
    batch: [
      insert("2026-02-10"),
      insert("2026-02-11"),
      { sql: "SELECT count(*) AS n FROM metrics_daily" },
    ],
  });
  assert.equal(answer.result.length, 3);
  assert.deepEqual(answer.result[2].results, [{ n: 2 }]);
  assert.equal(answer.result[0].meta.changes, 1);
  assert.equal((await get(harness, DAYS)).body.days.length, 2);
});

test("each statement of a batch returns the number of rows it changed", async () => {
  const kpis = `INSERT INTO metrics_kpi_values
    SELECT '2026-02-11', value, '1', 1, 'number' FROM json_each('["A", "B", "C"]')`;
  const upsert = `${insert("2026-02-11").sql} ON CONFLICT (date) DO UPDATE SET headline = 'h'`;
  const { result } = await query({
    batch: [
      insert("2026-02-11"),
      { sql: upsert, params: insert("2026-02-11").params },
      { sql: kpis },
      { sql: "DELETE FROM metrics_kpi_values WHERE kpi > 'A'" },
      { sql: "DELETE FROM metrics_kpi_values WHERE kpi = 'Z'" },
      { sql: "SELECT * FROM metrics_kpi_values" },
    ],
  });
  assert.ok(result.every(({ success }) => success === true));
  assert.deepEqual(
    result.map(({ meta }) => meta.changes),
    [1, 1, 3, 2, 0, 0],
  );
  assert.deepEqual(
    result.map(({ meta }) => meta.changed_db),
    [true, true, true, true, false, false],
  );
  for (const key of ["duration", "last_row_id", "rows_read", "rows_written", "size_after"]) {
    assert.ok(result.every(({ meta }) => typeof meta[key] === "number"));
  }
});

test("requested failures occur in order, and later queries succeed", async () => {
  await failNextQueries(harness, [
    { status: 500, code: 7500, message: "D1 DB is overloaded. Requests queued for too long." },
    { status: 400, code: 7500, message: "Network connection lost." },
  ]);
  isRejected(await query(insert("2026-02-11")), 500, 7500, /overloaded/);
  isRejected(await query(insert("2026-02-11")), 400, 7500, /connection lost/);
  assert.equal((await query(insert("2026-02-11"))).status, 200);
});

test("a batch that fails writes nothing", async () => {
  const answer = await query({ batch: [insert("2026-02-10"), insert("2026-02-10")] });
  isRejected(answer, 400, 7500, /UNIQUE constraint failed: metrics_daily\.date/);
  assert.deepEqual(await rows(harness, "SELECT * FROM metrics_daily"), []);
});

test("invalid SQL is error 7500", async () => {
  isRejected(await query({ sql: "SELEC 1" }), 400, 7500, /syntax error/);
  isRejected(await query({ sql: "SELECT * FROM nowhere" }), 400, 7500, /no such table: nowhere/);
});

test("foreign keys are enforced", async () => {
  const sql = "INSERT INTO metrics_kpi_values VALUES ('2026-02-11', 'A', '1', 1, 'number')";
  isRejected(await query({ sql }), 400, 7500, /FOREIGN KEY constraint failed/);
});

for (const [name, change, status, code] of [
  ["a wrong token", { api_token: "wrong" }, 401, 10000],
  ["another account", { account_id: "0".repeat(32) }, 403, 10000],
  ["another database", { database_id: "00000000-0000-0000-0000-000000000000" }, 404, 7404],
]) {
  test(`${name} is rejected`, async () => {
    isRejected(await queryD1({ ...harness, ...change }, insert("2026-02-11")), status, code, /./);
    assert.deepEqual(await rows(harness, "SELECT * FROM metrics_daily"), []);
  });
}

for (const body of [
  null,
  {},
  { sql: "" },
  { sql: 5 },
  { batch: [] },
  { batch: {} },
  { batch: [{}] },
  { sql: "SELECT 1", params: "x" },
  { sql: "SELECT ?1", params: [1] },
]) {
  test(`${JSON.stringify(body)} is malformed`, async () => {
    isRejected(await query(body), 400, 7400, /malformed/);
  });
}

test("100 parameters are accepted, 101 are rejected", async () => {
  const params = (n) => Array.from({ length: n }, (_, i) => String(i));
  const sql = (n) => `SELECT ?${n} AS last`;
  assert.deepEqual((await query({ sql: sql(100), params: params(100) })).result[0].results, [
    { last: "99" },
  ]);
  isRejected(
    await query({ sql: sql(101), params: params(101) }),
    400,
    7500,
    /too many SQL variables/,
  );
});

test("a statement of 100,000 bytes is accepted, one of 100,001 is rejected", async () => {
  const sql = (bytes) => "SELECT 1 AS one".padEnd(bytes, " ");
  assert.equal((await query({ sql: sql(100_000) })).status, 200);
  isRejected(await query({ sql: sql(100_001) }), 400, 7500, /SQLITE_TOOBIG/);
});

test("a string or a row of 2,000,000 bytes is accepted, one of 2,000,001 is rejected", async () => {
  const sql = "SELECT length(?1) AS n";
  assert.equal((await query({ sql, params: ["x".repeat(2_000_000)] })).status, 200);
  isRejected(await query({ sql, params: ["x".repeat(2_000_001)] }), 400, 7500, /SQLITE_TOOBIG/);
  isRejected(await query({ sql, params: ["é".repeat(1_000_001)] }), 400, 7500, /SQLITE_TOOBIG/);

  assert.equal((await query(insert("2026-02-11", "x".repeat(2_000_000 - 10)))).status, 200);
  isRejected(
    await query(insert("2026-02-12", "x".repeat(2_000_000 - 9))),
    400,
    7500,
    /SQLITE_TOOBIG/,
  );
});

test("other routes and methods are errors", async () => {
  const url = `${harness.d1_api}/accounts/${harness.account_id}/d1/database/${harness.database_id}`;
  const headers = { Authorization: `Bearer ${harness.api_token}` };
  assert.equal((await fetch(`${url}/export`, { method: "POST", headers })).status, 404);
  assert.equal((await fetch(`${url}/query`, { headers })).status, 405);
});
