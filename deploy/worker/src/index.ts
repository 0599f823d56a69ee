import { checkSignature, checkToken, type Secrets } from "./auth";
import { readBody } from "./body";
import { ApiError, invalidField } from "./errors";
import { parseJson } from "./json";
import { normalize } from "./normalize";
import { listDays, readDay, storeDay } from "./store";
import { isDate } from "./values";

interface Env extends Secrets {
  DB: D1Database;
}

type Handler = (request: Request, env: Env, requestId: string) => Promise<Response>;

const SNAPSHOT = "/v1/internal/trades/snapshot";
const DAYS = "/v1/trades/snapshots";
const JSON_TYPE = { "Content-Type": "application/json" };
const MAX_PAGE = 100;
const DEFAULT_PAGE = 30;

export default {
  async fetch(request, env): Promise<Response> {
    const requestId = request.headers.get("cf-ray") ?? crypto.randomUUID();
    try {
      const handler = route(request);
      await checkToken(request, env);
      return await handler(request, env, requestId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status >= 500) logFailure(error, requestId);
      return error.toResponse(requestId);
    }
  },
} satisfies ExportedHandler<Env>;

function route(request: Request): Handler {
  const { pathname } = new URL(request.url);
  const [allowed, handler] = matchPath(pathname);
  if (allowed.includes(request.method)) return handler;
  throw new ApiError(405, "method_not_allowed", `${pathname} takes ${allowed.join(" and ")} only`, {
    headers: { Allow: allowed.join(", ") },
  });
}

function matchPath(pathname: string): [allowed: string[], handler: Handler] {
  if (pathname === SNAPSHOT) return [["POST"], postSnapshot];
  if (pathname === DAYS) return [["GET", "HEAD"], getDays];
  const [, date] = /^\/v1\/trades\/snapshots\/([^/]+)$/.exec(pathname) ?? [];
  if (date !== undefined) return [["GET", "HEAD"], (_, env) => getDay(env, date)];
  throw new ApiError(404, "not_found", `there is no ${pathname} here`);
}

async function postSnapshot(request: Request, env: Env, requestId: string): Promise<Response> {
  const body = await readBody(request);
  await checkSignature(request, body, env);
  const day = normalize(parseJson(body));
  const updatedAt = day.updatedAt ?? new Date().toISOString();
  await storeDay(env.DB, day, updatedAt);
  const { date, dropped } = day;
  return Response.json({ ok: true, date, updated_at: updatedAt, request_id: requestId, dropped });
}

async function getDays(request: Request, env: Env): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const limitText = query.get("limit") ?? String(DEFAULT_PAGE);
  const limit = Number(limitText);
  if (!/^\d{1,3}$/.test(limitText) || limit < 1 || limit > MAX_PAGE) {
    throw invalidField("limit", `must be a whole number from 1 to ${MAX_PAGE}`);
  }
  const before = query.get("before") ?? undefined;
  if (before !== undefined) checkDate(before, "before");

  const found = await listDays(env.DB, limit + 1, before); // one more tells whether a page follows
  const days = found.slice(0, limit);
  const next = found.length > limit ? (days.at(-1)?.date ?? null) : null;
  return Response.json({ days, next });
}

async function getDay(env: Env, date: string): Promise<Response> {
  checkDate(date, "date");
  const document = await readDay(env.DB, date);
  if (document === null) throw new ApiError(404, "not_found", `${date} is not stored`);
  return new Response(document, { headers: JSON_TYPE });
}

function checkDate(text: string, field: string): void {
  if (!isDate(text)) throw invalidField(field, "must be a day that exists, written YYYY-MM-DD");
}

/** Once, here; the caller gets no more than the code. Neither tokens nor bodies are logged. */
function logFailure(error: ApiError, requestId: string): void {
  const { status, code, cause } = error;
  const entry = { level: "error", request_id: requestId, status, code };
  console.error(JSON.stringify(cause === undefined ? entry : { ...entry, cause: String(cause) }));
}
