import { randomUUID } from "node:crypto";
import { after } from "node:test";
import { queryD1, startHarness } from "../harness/start.mjs";

export const SNAPSHOT = "/v1/internal/trades/snapshot";
export const DAYS = "/v1/trades/snapshots";
export const LATEST = "/v1/trades/latest";
export const DATES = "/v1/trades/dates";
export const KPIS = "/v1/trades/kpis";

const TABLES = {
  metrics_daily: "date",
  metrics_kpi_values: "kpi",
  metrics_series_points: "kpi, t",
  metrics_extremes_items: "kpi, side, rank, contract_name, trade_id",
  metrics_portfolio_assets: "trade_id, contract_name",
};

/** Starts a harness that is stopped when the test file ends. */
export async function harnessForFile(options) {
  const harness = await startHarness(options);
  after(() => harness.stop());
  return harness;
}

/** Posts a body (an object, text or bytes) with the internal token, which `headers` can override. */
export async function post(harness, body, headers = {}) {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(harness.worker + SNAPSHOT, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Internal-Token": harness.internal_token,
      ...headers,
    },
    body: isRaw ? body : JSON.stringify(body),
  });
  return read(response);
}

export async function get(harness, path, headers = {}) {
  const token = { "X-Internal-Token": harness.internal_token };
  return read(await fetch(harness.worker + path, { headers: { ...token, ...headers } }));
}

async function read(response) {
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

/** Runs a query and returns its rows. */
export async function rows(harness, sql, params = []) {
  const { success, errors, result } = await queryD1(harness, { sql, params });
  if (!success) throw new Error(errors[0].message);
  return result[0].results;
}

/** The rows of the five tables for a date, in the order of their keys. */
export async function storedDay(harness, date) {
  const batch = Object.entries(TABLES).map(([table, key]) => ({
    sql: `SELECT * FROM ${table} WHERE date = ?1 ORDER BY ${key}`,
    params: [date],
  }));
  const { result } = await queryD1(harness, { batch });
  return Object.fromEntries(Object.keys(TABLES).map((table, i) => [table, result[i].results]));
}

export async function deleteAllDays(harness) {
  await rows(harness, "DELETE FROM metrics_daily");
}

/** A day with rows in every table, all of which contain `mark`. */
export function sampleDay(date, mark = randomUUID(), points = 3) {
  const contract = { trade_id: 1, symbol: "S", contract_name: mark };
  const t = (i) => new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString();
  return {
    date,
    updated_at: `${date}T14:00:00Z`,
    headline: mark,
    rows: [{ kpi: mark, value: "1" }],
    overlay: {
      seriesByKpi: {
        [mark]: Array.from({ length: points }, (_, i) => ({ t: t(i), v: i, src: mark })),
      },
      extremes: { byKpi: { [mark]: { hi: [contract], lo: [contract] } } },
      portfolioAssets: [contract],
    },
  };
}
