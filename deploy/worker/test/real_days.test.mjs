import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DAYS, deleteAllDays, get, harnessForFile, post, storedDay } from "./support.mjs";

// Days of the original system, which are not part of the repository.
const configured = process.env.TRADEOPS_REAL_DAYS;
const folder = resolve(
  configured ?? fileURLToPath(new URL("../../../../shared/data/snapshots", import.meta.url)),
);

const NUMBERS = [
  "trade_id",
  "metric_raw",
  "metric_abs",
  "individual_pnl",
  "abs_individual_pnl",
  "percent_change",
  "cost_basis",
  "qty",
  "bid_price",
  "ask_price",
  "mid_price",
  "mid_mark_pnl",
  "liquidity_drag",
];

if (configured !== undefined || existsSync(folder)) {
  const harness = await harnessForFile();
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  test("there are real days", () => assert.ok(files.length > 0));

  for (const file of files) {
    test(`the real day ${file} is stored completely, and reading and sending it again stores the same`, async () => {
      const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
      const { status, body } = await post(harness, document);
      assert.deepEqual([status, body.dropped], [200, 0]);
      const stored = await storedDay(harness, document.date);
      checkAgainstDocument(stored, document);

      const { body: copy } = await get(harness, `${DAYS}/${document.date}`);
      await deleteAllDays(harness);
      assert.equal((await post(harness, copy)).status, 200);
      assert.deepEqual(await storedDay(harness, document.date), stored);
    });

    test(`the real day ${file} without its symbols keeps every other cell`, async () => {
      const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
      await post(harness, document);
      const whole = await storedDay(harness, document.date);

      for (const take of [
        (object) => (object.symbol = null),
        (object) => delete object.symbol,
        (object) => (object.symbol = " "),
      ]) {
        const changed = structuredClone(document);
        tradesOf(changed).forEach(take);
        const { status, body } = await post(harness, changed);
        assert.deepEqual([status, body.dropped], [200, 0]);
        const stored = await storedDay(harness, document.date);
        assert.deepEqual(cellsBesideSymbols(stored), cellsBesideSymbols(whole));
        const trades = [...stored.metrics_portfolio_assets, ...stored.metrics_extremes_items];
        assert.ok(trades.every(({ symbol }) => symbol === null));

        const { body: copy } = await get(harness, `${DAYS}/${document.date}`);
        assert.ok(!JSON.stringify(copy).includes('"symbol"'));
        assert.equal((await post(harness, copy)).status, 200);
        assert.deepEqual(await storedDay(harness, document.date), stored);
      }
    });

    test(`the real day ${file} with numbers as text is the same day`, async () => {
      const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
      await post(harness, document);
      const stored = await storedDay(harness, document.date);

      await deleteAllDays(harness);
      const texts = Object.values(document.overlay.seriesByKpi).flat();
      texts.forEach((point) => (point.v = String(point.v)));
      for (const trade of tradesOf(document)) {
        for (const field of NUMBERS) {
          if (typeof trade[field] === "number") trade[field] = ` ${trade[field]}`;
        }
      }
      const { status, body } = await post(harness, document);
      assert.deepEqual([status, body.dropped], [200, 0]);
      assert.deepEqual(await storedDay(harness, document.date), stored);
    });

    test(`the parts of the real day ${file} equal those of the whole day`, async () => {
      const document = JSON.parse(readFileSync(join(folder, file), "utf8"));
      await post(harness, document);
      const { body: day } = await get(harness, `${DAYS}/${document.date}`);
      const of = async (query) => (await get(harness, `${DAYS}/${document.date}?${query}`)).body;
      const { rows, overlay, ...head } = day;
      const { seriesByKpi, extremes, portfolioAssets } = overlay;
      assert.deepEqual(await of("parts=kpis"), { ...head, rows });
      assert.deepEqual(await of("parts=series"), { ...head, overlay: { seriesByKpi } });
      assert.deepEqual(await of("parts=extremes"), { ...head, overlay: { extremes } });
      assert.deepEqual(await of("parts=assets"), { ...head, overlay: { portfolioAssets } });
      for (const { kpi, value } of rows) {
        const part = await of(`kpi=${encodeURIComponent(kpi)}`);
        assert.deepEqual(part.rows, [{ kpi, value }]);
        assert.deepEqual(part.overlay.seriesByKpi[kpi], seriesByKpi[kpi]);
        assert.deepEqual(part.overlay.extremes.byKpi[kpi], extremes.byKpi[kpi]);
      }
    });
  }
} else {
  console.log(`real days: skipped, because ${folder} does not exist`);
}

/** All portfolio assets and extremes items. */
function tradesOf({ overlay }) {
  const lists = Object.values(overlay.extremes.byKpi ?? {}).flatMap(({ hi, lo }) => [hi, lo]);
  return [...(overlay.portfolioAssets ?? []), ...lists.flat()];
}

/** Also without the JSON columns, because they contain the symbols too. */
function cellsBesideSymbols(stored) {
  const cells = ({ symbol, item_json, overlay_json, ...others }) => others;
  return Object.values(stored).map((table) => table.map(cells));
}

function checkAgainstDocument(stored, { rows, overlay }) {
  const kpis = new Map(rows.map(({ kpi, value }) => [kpi.trim(), String(value).trim()]));
  assert.deepEqual(
    new Map(stored.metrics_kpi_values.map((row) => [row.kpi, row.value_text])),
    kpis,
  );

  const points = new Map();
  for (const [kpi, list] of Object.entries(overlay.seriesByKpi)) {
    for (const { t, v, src } of list) if (v !== null) points.set(`${kpi} ${t}`, [v, src ?? null]);
  }
  assert.deepEqual(
    new Map(stored.metrics_series_points.map(({ kpi, t, v, src }) => [`${kpi} ${t}`, [v, src]])),
    points,
  );

  const items = new Map();
  for (const [kpi, sides] of Object.entries(overlay.extremes.byKpi ?? {})) {
    for (const side of ["hi", "lo"]) {
      (sides[side] ?? []).forEach((item, i) =>
        items.set(`${kpi} ${side} ${i + 1}`, item.contract_name),
      );
    }
  }
  assert.deepEqual(
    new Map(
      stored.metrics_extremes_items.map((row) => [
        `${row.kpi} ${row.side} ${row.rank}`,
        row.contract_name,
      ]),
    ),
    items,
  );

  const assets = new Set(
    (overlay.portfolioAssets ?? []).map((asset) => `${asset.trade_id} ${asset.contract_name}`),
  );
  assert.deepEqual(
    new Set(
      stored.metrics_portfolio_assets.map((asset) => `${asset.trade_id} ${asset.contract_name}`),
    ),
    assets,
  );
}
