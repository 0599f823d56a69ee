import upsertDay from "../statements/01_upsert_day.sql";
import deleteKpiValues from "../statements/02_delete_kpi_values.sql";
import deleteSeriesPoints from "../statements/03_delete_series_points.sql";
import deleteExtremesItems from "../statements/04_delete_extremes_items.sql";
import deletePortfolioAssets from "../statements/05_delete_portfolio_assets.sql";
import insertKpiValues from "../statements/06_insert_kpi_values.sql";
import insertSeriesPoints from "../statements/07_insert_series_points.sql";
import insertExtremesItems from "../statements/08_insert_extremes_items.sql";
import insertPortfolioAssets from "../statements/09_insert_portfolio_assets.sql";
import { tooLarge, unavailable } from "./errors";
import type { Day } from "./normalize";

const MAX_ROW_BYTES = 2_000_000; // D1's limit of one row

export interface DaySummary {
  date: string;
  updated_at: string;
  headline: string;
  summary: string;
}

interface DayRow extends DaySummary {
  rows_json: string;
  overlay_json: string;
}

/** Replaces the day in one transaction: a reader sees the old one or the new one, whole. */
export async function storeDay(db: D1Database, day: Day, updatedAt: string): Promise<void> {
  const { date, headline, summary, rowsJson, overlayJson, kpiValuesJson } = day;
  const row = [date, updatedAt, headline, summary, rowsJson, overlayJson];
  checkRowSize(date, row);
  await answered(
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

/** The newest days first; before `before` where that is given. */
export async function listDays(
  db: D1Database,
  limit: number,
  before: string | undefined,
): Promise<DaySummary[]> {
  const where = before === undefined ? "" : "WHERE date < ?2";
  const sql = `SELECT date, updated_at, headline, summary FROM metrics_daily ${where} ORDER BY date DESC LIMIT ?1`;
  const params = before === undefined ? [limit] : [limit, before];
  const { results } = await answered(
    db
      .prepare(sql)
      .bind(...params)
      .all<DaySummary>(),
  );
  return results;
}

/** The day as a document that can be posted again; null where none is stored. */
export async function readDay(db: D1Database, date: string): Promise<string | null> {
  const sql = "SELECT * FROM metrics_daily WHERE date = ?1";
  const row = await answered(db.prepare(sql).bind(date).first<DayRow>());
  if (row === null) return null;
  const { updated_at, headline, summary, rows_json, overlay_json } = row;
  const head = JSON.stringify({ date, updated_at, headline, summary }).slice(0, -1);
  return `${head},"rows":${rows_json},"overlay":${overlay_json},"source":"d1"}`;
}

function checkRowSize(date: string, columns: string[]): void {
  const encoder = new TextEncoder();
  const bytes = columns.reduce((sum, column) => sum + encoder.encode(column).length, 0);
  if (bytes > MAX_ROW_BYTES) {
    throw tooLarge(
      `${date} takes ${bytes} bytes of the ${MAX_ROW_BYTES} a row may have; send fewer points`,
    );
  }
}

async function answered<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (cause) {
    if (String(cause).includes("SQLITE_TOOBIG")) {
      throw tooLarge("the day is larger than the database takes; send fewer points");
    }
    throw unavailable("storage_unavailable", "the database did not answer; try again", cause);
  }
}
