import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { startHarness } from "../harness/start.mjs";
import {
  DATES,
  DAYS,
  KPIS,
  LATEST,
  deleteAllDays,
  get,
  harnessForFile,
  post,
  rows,
  sampleDay,
  storedDay,
} from "./support.mjs";

const DATE = "2026-02-11";
const logs = [];
const harness = await harnessForFile({ onLog: (chunk) => logs.push(String(chunk)) });
beforeEach(() => deleteAllDays(harness));

describe("one day is one transaction", () => {
  test("a batch that fails at its last statement does not change the stored day", async () => {
    await post(harness, sampleDay(DATE, "old"));
    const before = await storedDay(harness, DATE);
    await rows(
      harness,
      `CREATE TRIGGER reject BEFORE INSERT ON metrics_portfolio_assets
       BEGIN SELECT RAISE(ABORT, 'rejected by a trigger'); END`,
    );
    logs.length = 0;

    const { status, headers, body } = await post(harness, sampleDay(DATE, "new"));
    await rows(harness, "DROP TRIGGER reject");

    assert.equal(status, 503);
    assert.equal(body.error.code, "storage_unavailable");
    assert.match(headers.get("Retry-After"), /^\d+$/);
    assert.doesNotMatch(
      JSON.stringify(body),
      /trigger/,
      "the response does not contain the database's text",
    );
    assert.deepEqual(await storedDay(harness, DATE), before);

    const logged = logs.join("");
    assert.equal(logged.split(body.request_id).length - 1, 1, "it is logged once");
    assert.match(logged, /rejected by a trigger/);
    assert.ok(!logged.includes(harness.internal_token));

    assert.equal((await post(harness, sampleDay(DATE, "new"))).status, 200);
    assert.equal((await storedDay(harness, DATE)).metrics_daily[0].headline, "new");
  });

  test("of concurrent posts for one date, one is stored completely", async () => {
    const marks = Array.from({ length: 8 }, (_, i) => `writer ${i}`);
    const answers = await Promise.all(
      marks.map((mark, i) => post(harness, sampleDay(DATE, mark, 200 + i))),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      marks.map(() => 200),
    );

    const day = await storedDay(harness, DATE);
    const winner = day.metrics_daily[0].headline;
    assert.ok(marks.includes(winner));
    assert.equal(day.metrics_series_points.length, 200 + marks.indexOf(winner));
    const kpis = [
      ...day.metrics_kpi_values,
      ...day.metrics_series_points,
      ...day.metrics_extremes_items,
    ];
    assert.ok(kpis.every(({ kpi }) => kpi === winner));
    assert.ok(day.metrics_portfolio_assets.every((asset) => asset.contract_name === winner));
  });

  test("a smaller day removes all rows of a larger one and does not change other days", async () => {
    await post(harness, sampleDay("2026-02-10", "other"));
    const other = await storedDay(harness, "2026-02-10");
    await post(harness, sampleDay(DATE, "large", 500));
    await post(harness, { date: DATE, rows: [{ kpi: "A", value: "1" }] });

    const day = await storedDay(harness, DATE);
    const sizes = Object.values(day).map((table) => table.length);
    assert.deepEqual(sizes, [1, 1, 0, 0, 0]);
    assert.deepEqual(await storedDay(harness, "2026-02-10"), other);
  });
});

describe("the stored day", () => {
  test("a rejected day does not change the stored one", async () => {
    await post(harness, sampleDay(DATE, "old"));
    const before = await storedDay(harness, DATE);
    assert.equal((await post(harness, { date: DATE, rows: [] })).body.error.code, "empty_day");
    assert.deepEqual(await storedDay(harness, DATE), before);
  });

  test("deleting a day deletes its rows", async () => {
    await post(harness, sampleDay(DATE));
    await rows(harness, "DELETE FROM metrics_daily WHERE date = ?1", [DATE]);
    assert.ok(Object.values(await storedDay(harness, DATE)).every((table) => table.length === 0));
  });
});

describe("the size of a row", () => {
  const base = {
    date: DATE,
    updated_at: `${DATE}T00:00:00Z`,
    headline: "h",
    rows: [{ kpi: "A", value: "1" }],
  };
  const overlay = '{"seriesByKpi":{},"extremes":{"byKpi":{}},"portfolioAssets":[]}';
  const used = `${DATE}${base.updated_at}h[{"kpi":"A","value":"1"}]${overlay}`.length;

  test("2,000,000 bytes are stored, 2,000,001 are rejected", async () => {
    const fits = { ...base, summary: "s".repeat(2_000_000 - used) };
    assert.equal((await post(harness, fits)).status, 200);
    const before = await storedDay(harness, DATE);

    const { status, body } = await post(harness, { ...fits, summary: fits.summary + "s" });
    assert.deepEqual([status, body.error.code, body.error.field], [413, "too_large", null]);
    assert.deepEqual(await storedDay(harness, DATE), before);
  });

  test("the limit counts bytes, not characters", async () => {
    const { status } = await post(harness, { ...base, summary: "é".repeat(1_000_001) });
    assert.equal(status, 413);
  });
});

test("KPI values that are too large for a statement's parameter are rejected with their size", async () => {
  const day = (count) => ({
    date: DATE,
    rows: Array.from({ length: count }, (_, i) => ({ kpi: `k${i}`, value: `${i}.123456789` })),
  });
  assert.equal((await post(harness, day(30_000))).status, 200);
  const before = await rows(harness, "SELECT updated_at FROM metrics_daily");
  const { status, body } = await post(harness, day(38_000));
  assert.deepEqual([status, body.error.code], [413, "too_large"]);
  assert.match(
    body.error.message,
    /^the JSON of the KPI values of 2026-02-11 has 2\d{6} bytes; the limit is 2000000 for a parameter/,
  );
  assert.deepEqual(await rows(harness, "SELECT updated_at FROM metrics_daily"), before);
});

describe("reading", () => {
  test("days are listed newest first, in pages", async () => {
    const dates = Array.from({ length: 35 }, (_, i) =>
      new Date(Date.UTC(2026, 0, 1 + i)).toISOString().slice(0, 10),
    );
    for (const date of dates) await post(harness, sampleDay(date, `day ${date}`));
    const newestFirst = dates.toReversed();

    const { body: first } = await get(harness, DAYS);
    assert.deepEqual(
      first.days.map(({ date }) => date),
      newestFirst.slice(0, 30),
    );
    assert.deepEqual(first.days[0], {
      date: "2026-02-04",
      updated_at: "2026-02-04T14:00:00Z",
      headline: "day 2026-02-04",
      summary: "",
    });
    assert.equal(first.next, newestFirst[29]);

    const { body: second } = await get(harness, `${DAYS}?before=${first.next}`);
    assert.deepEqual(
      second.days.map(({ date }) => date),
      newestFirst.slice(30),
    );
    assert.equal(second.next, null);

    const { body: exact } = await get(harness, `${DAYS}?limit=35`);
    assert.deepEqual([exact.days.length, exact.next], [35, null]);
    const { body: one } = await get(harness, `${DAYS}?limit=1`);
    assert.deepEqual([one.days.length, one.next], [1, "2026-02-04"]);
  });

  test("without days, the page is empty", async () => {
    assert.deepEqual((await get(harness, DAYS)).body, { days: [], next: null });
  });

  test("a day that is not stored is not found", async () => {
    const { status, body } = await get(harness, `${DAYS}/${DATE}`);
    assert.deepEqual([status, body.error.code], [404, "not_found"]);
  });

  test("reading a day and sending it again stores the same day", async () => {
    await post(harness, sampleDay(DATE, 'quo"te ünï \\ 😀'));
    const before = await storedDay(harness, DATE);
    const { body: document } = await get(harness, `${DAYS}/${DATE}`);
    assert.equal(document.source, "d1");

    await deleteAllDays(harness);
    assert.equal((await post(harness, document)).status, 200);
    assert.deepEqual(await storedDay(harness, DATE), before);
  });
});

test("without the tables, every route returns 503", async (t) => {
  const empty = await startHarness({ migrations: false, onLog: () => {} });
  t.after(() => empty.stop());
  const answers = [
    await post(empty, sampleDay(DATE)),
    await get(empty, DAYS),
    await get(empty, `${DAYS}/${DATE}`),
    await get(empty, LATEST),
    await get(empty, `${LATEST}?kpi=A`),
    await get(empty, DATES),
    await get(empty, `${KPIS}/A`),
  ];
  for (const { status, headers, body } of answers) {
    assert.deepEqual([status, body.error.code], [503, "storage_unavailable"]);
    assert.match(headers.get("Retry-After"), /^\d+$/);
    assert.doesNotMatch(body.error.message, /no such table/);
    assert.match(body.error.message, /apply its migrations/);
  }
});
