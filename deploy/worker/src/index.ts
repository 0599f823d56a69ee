import { checkSignature, checkToken, type Access, type Secrets } from "./auth";
import { readBody } from "./body";
import { ApiError } from "./errors";
import { parseJson } from "./json";
import { normalize } from "./normalize";
import { getDates, getDay, getDays, getKpi, getLatest } from "./read";
import { storeDay } from "./store";
import { printable } from "./text";

interface Env extends Secrets {
  DB: D1Database;
}

interface Route {
  methods: string[];
  access: Access;
  handle: (request: Request, env: Env, requestId: string) => Promise<Response>;
}

type ReadHandler = (request: Request, db: D1Database, segment: string) => Promise<Response>;

const POST_SNAPSHOT: Route = { methods: ["POST"], access: "write", handle: postSnapshot };
const READ_ROUTES: [path: RegExp, handler: ReadHandler][] = [
  [/^\/v1\/trades\/latest$/, getLatest],
  [/^\/v1\/trades\/dates$/, getDates],
  [/^\/v1\/trades\/snapshots$/, getDays],
  [/^\/v1\/trades\/snapshots\/([^/]+)$/, getDay],
  [/^\/v1\/trades\/kpis\/([^/]+)$/, getKpi],
];

export default {
  async fetch(request, env): Promise<Response> {
    const requestId = request.headers.get("cf-ray") ?? crypto.randomUUID();
    try {
      const { access, handle } = route(request);
      await checkToken(request, env, access);
      return await handle(request, env, requestId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status >= 500) logFailure(error, requestId);
      return error.toResponse(requestId);
    }
  },
} satisfies ExportedHandler<Env>;

function route(request: Request): Route {
  const { pathname } = new URL(request.url);
  const found = matchPath(pathname);
  const path = printable(pathname, 100);
  if (found === undefined) throw new ApiError(404, "not_found", `there is no ${path} here`);
  const { methods } = found;
  if (methods.includes(request.method)) return found;
  throw new ApiError(405, "method_not_allowed", `${path} accepts only ${methods.join(" and ")}`, {
    headers: { Allow: methods.join(", ") },
  });
}

function matchPath(pathname: string): Route | undefined {
  if (pathname === "/v1/internal/trades/snapshot") return POST_SNAPSHOT;
  for (const [path, handler] of READ_ROUTES) {
    const match = path.exec(pathname);
    if (match === null) continue;
    const handle: Route["handle"] = (request, { DB }) => handler(request, DB, match[1] ?? "");
    return { methods: ["GET", "HEAD"], access: "read", handle };
  }
  return undefined;
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

/** The only place that logs errors. Neither tokens nor bodies are logged. */
function logFailure(error: ApiError, requestId: string): void {
  const { status, code, cause } = error;
  const entry = { level: "error", request_id: requestId, status, code };
  console.error(JSON.stringify(cause === undefined ? entry : { ...entry, cause: String(cause) }));
}
