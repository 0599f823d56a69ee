import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DAYS, deleteAllDays, get, harnessForFile, post, storedDay } from "./support.mjs";

// Days of the system this contract comes from, kept beside the repository and not in it.
const folder = fileURLToPath(new URL("../../../../shared/data/snapshots/", import.meta.url));

if (existsSync(folder)) {
  const harness = await harnessForFile();
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  test("there are real days", () => assert.ok(files.length > 0));

  for (const file of files) {
    test(`the real day ${file} is stored, row by row, and survives a round trip`, async () => {
      const document = JSON.parse(readFileSync(folder + file, "utf8"));
      assert.equal((await post(harness, document)).status, 200);
      const stored = await storedDay(harness, document.date);
      checkAgainstDocument(stored, document);

      const { body: copy } = await get(harness, `${DAYS}/${document.date}`);
      await deleteAllDays(harness);
      assert.equal((await post(harness, copy)).status, 200);
      assert.deepEqual(await storedDay(harness, document.date), stored);
    });
  }
} else {
  console.log(`real days: not tested, for there is no ${folder}`);
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
