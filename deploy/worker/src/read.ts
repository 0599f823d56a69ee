import { jsonResponse } from "./conditional";
import { listDates, listDays, listKpiValues, readDay } from "./days";
import { ApiError, invalidField } from "./errors";
import { checkDate, kpiName, Query } from "./query";

export async function getDays(request: Request, db: D1Database): Promise<Response> {
  const query = new Query(request);
  const limit = query.limit(30, 100);
  // One more than the limit, to learn whether another page follows.
  const found = await listDays(db, limit + 1, query.date("before"));
  const days = found.slice(0, limit);
  const next = found.length > limit ? (days.at(-1)?.date ?? null) : null;
  return jsonResponse(request, JSON.stringify({ days, next }));
}

export async function getDates(request: Request, db: D1Database): Promise<Response> {
  const range = new Query(request).range(10_000, 10_000);
  return jsonResponse(request, JSON.stringify({ dates: await listDates(db, range) }));
}

export async function getDay(request: Request, db: D1Database, date: string): Promise<Response> {
  checkDate(date, "date");
  const document = await readDay(db, date, new Query(request).selection());
  if (document === null) throw new ApiError(404, "not_found", `${date} is not stored`);
  return jsonResponse(request, document);
}

export async function getLatest(request: Request, db: D1Database): Promise<Response> {
  const document = await readDay(db, undefined, new Query(request).selection());
  if (document === null) throw new ApiError(404, "not_found", "no day is stored");
  return jsonResponse(request, document);
}

export async function getKpi(request: Request, db: D1Database, name: string): Promise<Response> {
  const kpi = kpiName(decode(name));
  const values = await listKpiValues(db, kpi, new Query(request).range(366, 5_000));
  return jsonResponse(request, JSON.stringify({ kpi, values }));
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw invalidField("kpi", "must be percent-encoded UTF-8");
  }
}
