import upsertDay from "../statements/01_upsert_day.sql";
import deleteKpiValues from "../statements/02_delete_kpi_values.sql";
import deleteSeriesPoints from "../statements/03_delete_series_points.sql";
import deleteExtremesItems from "../statements/04_delete_extremes_items.sql";
import deletePortfolioAssets from "../statements/05_delete_portfolio_assets.sql";
import insertKpiValues from "../statements/06_insert_kpi_values.sql";
import insertSeriesPoints from "../statements/07_insert_series_points.sql";
import insertExtremesItems from "../statements/08_insert_extremes_items.sql";
import insertPortfolioAssets from "../statements/09_insert_portfolio_assets.sql";
import { runQuery } from "./database";
import { tooLarge } from "./errors";
import type { Day } from "./normalize";

/** D1's limit for a row, and for a parameter of a statement. */
const MAX_BYTES = 2_000_000;
const encoder = new TextEncoder();

/** Replaces the day in one transaction, so readers never see a partly stored day. */
export async function storeDay(db: D1Database, day: Day, updatedAt: string): Promise<void> {
  const { date, headline, summary, rowsJson, overlayJson, kpiValuesJson } = day;
  const row = [date, updatedAt, headline, summary, rowsJson, overlayJson];
  checkSize(row, `${date} has`, "a row of the database; send fewer points");
  checkSize(
    [kpiValuesJson],
    `the JSON of the KPI values of ${date} has`,
    "a parameter; send fewer",
  );
  await runQuery(
    db.batch([
      db.prepare(upsertDay).bind(...row),
      db.prepare(deleteKpiValues).bind(date),
      db.prepare(deleteSeriesPoints).bind(date),
      db.prepare(deleteExtremesItems).bind(date),
      db.prepare(deletePortfolioAssets).bind(date),
      db.prepare(insertKpiValues).bind(date, kpiValuesJson),
      db.prepare(insertSeriesPoints).bind(date),
      db.prepare(insertExtremesItems).bind(date),
      db.prepare(insertPortfolioAssets).bind(date),
    ]),
  );
}

function checkSize(texts: string[], subject: string, limited: string): void {
  const bytes = texts.reduce((sum, text) => sum + encoder.encode(text).length, 0);
  if (bytes > MAX_BYTES)
    throw tooLarge(`${subject} ${bytes} bytes; the limit is ${MAX_BYTES} for ${limited}`);
}
