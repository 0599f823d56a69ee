import { Parameters, runQuery } from "./database";
import { writeObject } from "./json";
import { PARTS, type DateRange, type Part, type Selection } from "./query";

export interface DaySummary {
  date: string;
  updated_at: string;
  headline: string;
  summary: string;
}

export interface KpiValue {
  date: string;
  value: string;
  number: number | null;
  kind: string;
}

/** The parts of a day as JSON texts. The database extracts them, so the Worker does not parse them. */
interface DayRow extends DaySummary {
  rows?: string;
  overlay?: string;
  series?: string | null;
  extremes?: string | null;
  assets?: string | null;
}

/** Lists days, newest first; with `before`, only days before that date. */
export async function listDays(
  db: D1Database,
  limit: number,
  before: string | undefined,
): Promise<DaySummary[]> {
  const parameters = new Parameters();
  const where = before === undefined ? "" : `WHERE date < ${parameters.bind(before)}`;
  return select(
    db,
    `SELECT date, updated_at, headline, summary FROM metrics_daily ${where}
     ORDER BY date DESC LIMIT ${parameters.bind(limit)}`,
    parameters,
  );
}

/** Lists the dates of the stored days, newest first. */
export async function listDates(db: D1Database, range: DateRange): Promise<string[]> {
  const parameters = new Parameters();
  const rows = await select<{ date: string }>(
    db,
    `SELECT date FROM metrics_daily AS day ${rangeClause(range, parameters)}`,
    parameters,
  );
  return rows.map(({ date }) => date);
}

/**
 * Lists one KPI's values, oldest first. CROSS JOIN makes SQLite scan the days first, because no index on the
 * values begins with the KPI.
 */
export async function listKpiValues(
  db: D1Database,
  kpi: string,
  range: DateRange,
): Promise<KpiValue[]> {
  const parameters = new Parameters();
  const values = await select<KpiValue>(
    db,
    `SELECT day.date, value_text AS value, value_num AS number, value_kind AS kind
     FROM metrics_daily AS day CROSS JOIN metrics_kpi_values AS entry
       ON entry.date = day.date AND entry.kpi = ${parameters.bind(kpi)}
     ${rangeClause(range, parameters)}`,
    parameters,
  );
  return values.reverse();
}

/** A day or some of its parts as a JSON document; without a date, the newest day. Null if no such day is stored. */
export async function readDay(
  db: D1Database,
  date: string | undefined,
  selection: Selection,
): Promise<string | null> {
  const parameters = new Parameters();
  const columns = columnsOf(selection, parameters).map(([name, sql]) => `${sql} AS ${name}`);
  const filter =
    date === undefined ? "ORDER BY date DESC LIMIT 1" : `WHERE date = ${parameters.bind(date)}`;
  const [row] = await select<DayRow>(
    db,
    `SELECT ${["date, updated_at, headline, summary", ...columns].join(", ")}
     FROM metrics_daily ${filter}`,
    parameters,
  );
  return row === undefined ? null : writeDay(row, selection.kpi);
}

function columnsOf(
  { parts, kpi }: Selection,
  parameters: Parameters,
): [name: string, sql: string][] {
  if (kpi === undefined && parts.size === PARTS.length) {
    return [
      ["rows", "rows_json"],
      ["overlay", "overlay_json"],
    ];
  }
  return PARTS.filter((part) => parts.has(part)).map((part) => [
    part === "kpis" ? "rows" : part,
    kpi === undefined ? WHOLE_PARTS[part] : PARTS_OF_KPI[part](() => parameters.bind(kpi)),
  ]);
}

const WHOLE_PARTS: Record<Part, string> = {
  kpis: "rows_json",
  series: "json_extract(overlay_json, '$.seriesByKpi')",
  extremes: "json_extract(overlay_json, '$.extremes.byKpi')",
  assets: "json_extract(overlay_json, '$.portfolioAssets')",
};

/**
 * SQL expressions for one KPI's part of a day; NULL if it has none. Each expression binds the KPI itself,
 * because the database rejects a parameter that the statement does not use.
 */
const PARTS_OF_KPI: Record<Part, (bindKpi: () => string) => string> = {
  kpis: (bindKpi) =>
    `(SELECT json_group_array(json(value)) FROM json_each(rows_json) WHERE value ->> 'kpi' = ${bindKpi()})`,
  series: (bindKpi) => memberOf("$.seriesByKpi", bindKpi()),
  extremes: (bindKpi) => memberOf("$.extremes.byKpi", bindKpi()),
  assets: () => WHOLE_PARTS.assets,
};

function memberOf(path: string, key: string): string {
  return `(SELECT value FROM json_each(overlay_json, '${path}') WHERE key = ${key})`;
}

function writeDay({ date, updated_at, headline, summary, ...row }: DayRow, kpi?: string): string {
  const members = Object.entries({ date, updated_at, headline, summary }).map(
    ([key, value]): [string, string] => [key, JSON.stringify(value)],
  );
  if (row.rows !== undefined) members.push(["rows", row.rows]);
  const overlay = row.overlay ?? overlayOf(row, kpi);
  if (overlay !== undefined) members.push(["overlay", overlay]);
  return writeObject([...members, ["source", '"d1"']]);
}

function overlayOf({ series, extremes, assets }: Partial<DayRow>, kpi?: string) {
  const ofKpi = (json: string | null) =>
    kpi === undefined ? json : writeObject(json === null ? [] : [[kpi, json]]);
  const members: [string, string][] = [];
  if (series !== undefined) members.push(["seriesByKpi", ofKpi(series) ?? "{}"]);
  if (extremes !== undefined) {
    const byKpi = ofKpi(extremes) ?? "{}";
    members.push(["extremes", writeObject([["byKpi", byKpi]])]);
  }
  if (assets !== undefined) members.push(["portfolioAssets", assets ?? "[]"]);
  return members.length === 0 ? undefined : writeObject(members);
}

function rangeClause({ from, to, limit }: DateRange, parameters: Parameters): string {
  const conditions = [
    ...(from === undefined ? [] : [`day.date >= ${parameters.bind(from)}`]),
    ...(to === undefined ? [] : [`day.date <= ${parameters.bind(to)}`]),
  ];
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return `${where} ORDER BY day.date DESC LIMIT ${parameters.bind(limit)}`;
}

async function select<Row>(db: D1Database, sql: string, { values }: Parameters): Promise<Row[]> {
  const { results } = await runQuery(
    db
      .prepare(sql)
      .bind(...values)
      .all<Row>(),
  );
  return results;
}
