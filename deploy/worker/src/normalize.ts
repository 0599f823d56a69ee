import { ApiError, invalidJson } from "./errors";
import { writeArray, writeObject } from "./json";
import { normalizeAssets, normalizeExtremes, normalizeSeries } from "./overlay";
import { pick } from "./pick";
import {
  classify,
  isAbsent,
  readArray,
  readDate,
  readName,
  readObject,
  readString,
  readTime,
  readValueText,
  type Json,
  type JsonObject,
} from "./values";

/** A day in the form that is stored: the columns of `metrics_daily`, and the KPI values. */
export interface Day {
  date: string;
  /** Undefined: the time of receipt is stored. */
  updatedAt: string | undefined;
  headline: string;
  summary: string;
  rowsJson: string;
  overlayJson: string;
  /** JSON array of `[kpi, value_text, value_num, value_kind]`. */
  kpiValuesJson: string;
  /** The number of points without a value, and of values that are NaN or infinite. */
  dropped: number;
}

export function normalize(body: Json): Day {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidJson("the body must be a JSON object: one day's snapshot");
  }
  const document = body as JsonObject;
  const date = readDate(document["date"], "date");
  const rows = normalizeRows(document);
  const overlay = normalizeOverlay(document["overlay"]);
  readOptional(document["source"], "source", readString); // checked, but not stored
  const day = {
    date,
    updatedAt: readOptional(document["updated_at"], "updated_at", readTime),
    headline:
      readOptional(document["headline"], "headline", readString) ?? `Haiphen metrics for ${date}`,
    summary: readOptional(document["summary"], "summary", readString) ?? "",
    ...writeRows(rows),
    overlayJson: overlay.json,
    dropped: overlay.dropped,
  };

  if (rows.size + overlay.size === 0) {
    const problem = `nothing to store for ${date}: the document has no row, point, item or asset`;
    throw new ApiError(400, "empty_day", problem);
  }
  return day;
}

/** The text of each KPI's value. A repeated KPI has the position of its first row and the value of its last. */
function normalizeRows(document: JsonObject): Map<string, string> {
  const list = pick(document, "", ["rows", "kpis"]);
  const values = new Map<string, string>();
  readArray(list.value, list.path).forEach((element, i) => {
    if (isAbsent(element)) return;
    const path = `${list.path}[${i}]`;
    const row = readObject(element, path);
    const name = pick(row, path, ["kpi", "name", "label"]);
    const kpi = readName(name.value, name.path);
    const value = pick(row, path, ["value", "val", "text"]);
    values.set(kpi, readValueText(value.value, value.path));
  });
  return values;
}

function writeRows(values: Map<string, string>): { rowsJson: string; kpiValuesJson: string } {
  const rows = Array.from(values, ([kpi, value]) => ({ kpi, value }));
  const kpiValues = rows.map(({ kpi, value }) => {
    const { kind, num } = classify(value);
    return [kpi, value, num, kind];
  });
  return { rowsJson: JSON.stringify(rows), kpiValuesJson: JSON.stringify(kpiValues) };
}

function normalizeOverlay(value: Json): { json: string; size: number; dropped: number } {
  const overlay = isAbsent(value) ? {} : readObject(value, "overlay");
  const series = normalizeSeries(pick(overlay, "overlay", ["seriesByKpi", "series"]));
  const extremes = normalizeExtremes(overlay["extremes"]);
  const assets = normalizeAssets(pick(overlay, "overlay", ["portfolioAssets", "assets"]));
  return {
    json: writeObject([
      ["seriesByKpi", series.json],
      ["extremes", writeObject([["byKpi", extremes.json]])],
      ["portfolioAssets", writeArray(assets)],
    ]),
    size: series.size + extremes.size + assets.length,
    dropped: series.dropped + extremes.dropped,
  };
}

function readOptional<T>(value: Json, path: string, read: (value: Json, path: string) => T) {
  return isAbsent(value) ? undefined : read(value, path);
}
