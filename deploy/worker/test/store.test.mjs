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
  test("a batch that fails at its last statement leaves the old day whole", async () => {
    await post(harness, sampleDay(DATE, "old"));
    const before = await storedDay(harness, DATE);
    await rows(
      harness,
      `CREATE TRIGGER refuse BEFORE INSERT ON metrics_portfolio_assets
       BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END`,
    );
    logs.length = 0;

    const { status, headers, body } = await post(harness, sampleDay(DATE, "new"));
    await rows(harness, "DROP TRIGGER refuse");

    assert.equal(status, 503);
    assert.equal(body.error.code, "storage_unavailable");
    assert.match(headers.get("Retry-After"), /^\d+$/);
    assert.doesNotMatch(
      JSON.stringify(body),
      /trigger/,
      "the caller isn't told the database's text",
    );
    assert.deepEqual(await storedDay(harness, DATE), before);

    const logged = logs.join("");
    assert.equal(logged.split(body.request_id).length - 1, 1, "it is logged once");
    assert.match(logged, /refused by a trigger/);
    assert.ok(!logged.includes(harness.internal_token));

    assert.equal((await post(harness, sampleDay(DATE, "new"))).status, 200);
    assert.equal((await storedDay(harness, DATE)).metrics_daily[0].headline, "new");
  });

  test("days posted at once for one date leave one of them whole", async () => {
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

  test("a smaller day leaves nothing of a larger one, and other days alone", async () => {
    await post(harness, sampleDay("2026-02-10", "other"));
    const other = await storedDay(harness, "2026-02-10");
    await post(harness, sampleDay(DATE, "large", 500));
    await post(harness, { date: DATE, rows: [{ kpi: "A", value: "1" }] });

    const day = await storedDay(harness, DATE);
    const sizes = Object.values(day).map((table) => table.length);
    assert.deepEqual(sizes, [1, 1, 0, 0, 0]);
    assert.deepEqual(await storedDay(harness, "2026-02-10"), other);
  });

  test("a refused day leaves the stored one", async () => {
    await post(harness, sampleDay(DATE, "old"));
    const before = await storedDay(harness, DATE);
    assert.equal((await post(harness, { date: DATE, rows: [] })).body.error.code, "empty_day");
    assert.deepEqual(await storedDay(harness, DATE), before);
  });

  test("deleting a day takes its rows along", async () => {
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

  test("2,000,000 bytes are stored, one more is refused", async () => {
    const fits = { ...base, summary: "s".repeat(2_000_000 - used) };
    assert.equal((await post(harness, fits)).status, 200);
    const before = await storedDay(harness, DATE);

    const { status, body } = await post(harness, { ...fits, summary: fits.summary + "s" });
    assert.deepEqual([status, body.error.code, body.error.field], [413, "too_large", null]);
    assert.deepEqual(await storedDay(harness, DATE), before);
  });

  test("bytes count, not characters", async () => {
    const { status } = await post(harness, { ...base, summary: "é".repeat(1_000_001) });
    assert.equal(status, 413);
  });
});

test("KPI values that are too large for a statement's parameter are refused by that name", async () => {
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
    /^the KPI values of 2026-02-11 take 2\d{6} bytes of the 2000000/,
  );
  assert.deepEqual(await rows(harness, "SELECT updated_at FROM metrics_daily"), before);
});

describe("reading", () => {
  test("days come newest first, page by page", async () => {
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

  test("no days are an empty page", async () => {
    assert.deepEqual((await get(harness, DAYS)).body, { days: [], next: null });
  });

  test("a day that is not stored is not found", async () => {
    const { status, body } = await get(harness, `${DAYS}/${DATE}`);
    assert.deepEqual([status, body.error.code], [404, "not_found"]);
  });

  test("a day that is read and sent again is the same day", async () => {
    await post(harness, sampleDay(DATE, 'quo"te ünï \\ 😀'));
    const before = await storedDay(harness, DATE);
    const { body: document } = await get(harness, `${DAYS}/${DATE}`);
    assert.equal(document.source, "d1");

    await deleteAllDays(harness);
    assert.equal((await post(harness, document)).status, 200);
    assert.deepEqual(await storedDay(harness, DATE), before);
  });
});

test("a database without its tables is unavailable on every route", async (t) => {
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
