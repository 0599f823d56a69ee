// Cloudflare's REST route for D1 queries, over a real D1 binding. It runs in workerd, next to the
// Worker and on the same database. Local D1 is laxer than the service about sizes and parameters,
// so the service's documented limits are enforced here.

const MAX_PARAMS = 100;
const MAX_STATEMENT_BYTES = 100_000;
const MAX_ROW_BYTES = 2_000_000;
const FAILURES_PATH = "/client/v4/failures";
const QUERY_PATH = /^\/client\/v4\/accounts\/([^/]+)\/d1\/database\/([^/]+)\/query$/;

class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Not of D1: `PUT {d1_api}/failures` with `[{status, code, message}]`; each fails one query that follows. */
let failures = [];

export default {
  async fetch(request, env) {
    if (request.method === "PUT" && new URL(request.url).pathname === FAILURES_PATH) {
      failures = await request.json();
      return new Response(null, { status: 204 });
    }
    try {
      const result = await query(request, env);
      return Response.json({ result, success: true, errors: [], messages: [] });
    } catch (error) {
      const { status, code, message } = error instanceof ApiError ? error : sqlError(error);
      const errors = [{ code, message }];
      return Response.json({ result: [], success: false, errors, messages: [] }, { status });
    }
  },
};

async function query(request, env) {
  const [, account, database] = QUERY_PATH.exec(new URL(request.url).pathname) ?? [];
  if (!account) throw new ApiError(404, 7003, "Could not route to this path");
  if (request.method !== "POST") throw new ApiError(405, 10405, "Method not allowed");

  if (request.headers.get("Authorization") !== `Bearer ${env.API_TOKEN}`) {
    throw new ApiError(401, 10000, "Authentication error");
  }
  if (account !== env.ACCOUNT_ID) throw new ApiError(403, 10000, "Authentication error");
  if (database !== env.DATABASE_ID) {
    throw new ApiError(404, 7404, `The database ${database} could not be found`);
  }

  const failure = failures.shift();
  if (failure) throw new ApiError(failure.status, failure.code, failure.message);

  const queries = readQueries(await request.text());
  const statements = queries.map(({ sql, params }) => env.DB.prepare(sql).bind(...params));
  const results = await env.DB.batch(statements); // one transaction
  return results.map(({ results: rows, success, meta }) => ({ results: rows, success, meta }));
}

function readQueries(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError(400, 7400, "The request is malformed: the body is not JSON");
  }
  const queries = body?.batch ?? [body];
  if (!Array.isArray(queries) || queries.length === 0) {
    throw new ApiError(400, 7400, "The request is malformed: `batch` must be a non-empty array");
  }
  return queries.map((query) => checkQuery(query?.sql, query?.params ?? []));
}

function checkQuery(sql, params) {
  if (typeof sql !== "string" || sql.trim() === "") {
    throw new ApiError(400, 7400, "The request is malformed: `sql` must be a non-empty string");
  }
  // The reference gives `params` as an array of strings; what else the service takes is not promised.
  if (!Array.isArray(params) || params.some((param) => typeof param !== "string")) {
    throw new ApiError(400, 7400, "The request is malformed: `params` must be an array of strings");
  }
  if (byteLength(sql) > MAX_STATEMENT_BYTES) throw tooBig("statement too long");
  if (params.length > MAX_PARAMS) {
    throw new ApiError(400, 7500, "too many SQL variables at offset 0: SQLITE_ERROR");
  }
  const sizes = params.map(byteLength);
  // Exact for one INSERT ... VALUES of one row, the only way rows get large here.
  const rowBytes = /\bVALUES\s*\(/i.test(sql) ? sizes.reduce((sum, size) => sum + size, 0) : 0;
  if (Math.max(rowBytes, ...sizes) > MAX_ROW_BYTES) throw tooBig("string or blob too big");
  return { sql, params };
}

function sqlError(error) {
  const message = String(error?.message ?? error).replace(/^D1_(EXEC_)?ERROR: /, "");
  return new ApiError(400, 7500, message);
}

const tooBig = (what) => new ApiError(400, 7500, `${what}: SQLITE_TOOBIG`);
const byteLength = (text) => new TextEncoder().encode(text).length;
