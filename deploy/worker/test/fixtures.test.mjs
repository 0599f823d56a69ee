import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { DAYS, deleteAllDays, get, harnessForFile, post, storedDay } from "./support.mjs";

const harness = await harnessForFile();
const folder = new URL("../fixtures/", import.meta.url);
const files = (await readdir(folder)).filter((file) => file.endsWith(".json"));

for (const file of files) {
  const { name, body, raw, expect } = JSON.parse(await readFile(new URL(file, folder), "utf8"));
  test(`${file}: ${name}`, async () => {
    await deleteAllDays(harness);
    const answer = await post(harness, raw ?? body);
    if (expect.refused) await checkRefused(answer, expect.refused);
    else {
      await checkStored(answer, expect.stored);
      await checkRoundTrip(answer.body.date);
    }
  });
}

test("there are fixtures of both kinds", () => {
  assert.ok(files.filter((file) => file.startsWith("refused-")).length >= 20);
  assert.ok(files.filter((file) => !file.startsWith("refused-")).length >= 20);
});

async function checkRefused({ status, body }, expected) {
  const { code, field, message } = body.error;
  assert.deepEqual({ status, code, field }, expected);
  assert.ok(message.length > 10);
  assert.deepEqual((await storedDay(harness, "2026-02-11")).metrics_daily, []);
}

async function checkStored({ status, body }, { dropped, metrics_daily: day, ...derived }) {
  const { ok, date } = body;
  assert.deepEqual(
    { status, ok, date, dropped: body.dropped },
    { status: 200, ok: true, date: day.date, dropped },
  );

  const { metrics_daily: days, ...stored } = await storedDay(harness, day.date);
  assert.equal(days.length, 1);
  assert.equal(days[0].updated_at, body.updated_at);
  const expectedDay = { updated_at: body.updated_at, ...day };
  checkRow(days[0], expectedDay);

  for (const [table, expected] of Object.entries(derived)) {
    const byKey = new Map(stored[table].map((row) => [key(row), row]));
    assert.equal(stored[table].length, expected.length, `${table} has the expected number of rows`);
    for (const row of expected) {
      assert.ok(byKey.has(key(row)), `${table} has ${key(row)}`);
      checkRow(byKey.get(key(row)), row);
    }
  }
}

/** Reading a day and sending it again stores the same day and drops nothing. */
async function checkRoundTrip(date) {
  const stored = await storedDay(harness, date);
  const response = await get(harness, `${DAYS}/${date}`);
  await deleteAllDays(harness);
  const { status, body } = await post(harness, response.text);
  assert.deepEqual([status, body.dropped], [200, 0]);
  assert.deepEqual(await storedDay(harness, date), stored);
}

/** The key columns of a row; columns that the table lacks are undefined. */
function key({ kpi, t, side, rank, contract_name, trade_id }) {
  return JSON.stringify([kpi, t, side, rank, contract_name, trade_id]);
}

/** Compares JSON columns by value, or as exact text if the case gives a string. */
function checkRow(row, expected) {
  const isJson = ([column, value]) => column.endsWith("_json") && typeof value !== "string";
  const parsed = Object.entries(expected)
    .filter(isJson)
    .map(([column]) => [column, JSON.parse(row[column])]);
  assert.deepEqual({ ...row, ...Object.fromEntries(parsed) }, expected);
}
