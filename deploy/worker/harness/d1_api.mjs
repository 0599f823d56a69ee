// Cloudflare's REST route for D1 queries, over a real D1 binding. It runs in workerd beside the Worker and
// uses the same database. Local D1 does not enforce the service's documented limits, so this file does.

const MAX_PARAMS = 100;
const MAX_STATEMENT_BYTES = 100_000;
const MAX_ROW_BYTES = 2_000_000;
const FAILURES_PATH = "/client/v4/failures";
const QUERY_PATH = /^\/client\/v4\/accounts\/([^/]+)\/d1\/database\/([^/]+)\/query$/;

class D1Error extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Set by `PUT {d1_api}/failures` with `[{status, code, message}]`, which D1 does not have. Each entry fails one query. */
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
      const { status, code, message } = error instanceof D1Error ? error : sqlError(error);
      const errors = [{ code, message }];
      return Response.json({ result: [], success: false, errors, messages: [] }, { status });
    }
  },
};

async function query(request, env) {
  const [, account, database] = QUERY_PATH.exec(new URL(request.url).pathname) ?? [];
  if (!account) throw new D1Error(404, 7003, "Could not route to this path");
  if (request.method !== "POST") throw new D1Error(405, 10405, "Method not allowed");

  if (request.headers.get("Authorization") !== `Bearer ${env.API_TOKEN}`) {
    throw new D1Error(401, 10000, "Authentication error");
  }
  if (account !== env.ACCOUNT_ID) throw new D1Error(403, 10000, "Authentication error");
  if (database !== env.DATABASE_ID) {
    throw new D1Error(404, 7404, `The database ${database} could not be found`);
  }

  const failure = failures.shift();
  if (failure) throw new D1Error(failure.status, failure.code, failure.message);

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
    throw new D1Error(400, 7400, "The request is malformed: the body is not JSON");
  }
  const queries = body?.batch ?? [body];
  if (!Array.isArray(queries) || queries.length === 0) {
    throw new D1Error(400, 7400, "The request is malformed: `batch` must be a non-empty array");
  }
  return queries.map((query) => checkQuery(query?.sql, query?.params ?? []));
}

function checkQuery(sql, params) {
  if (typeof sql !== "string" || sql.trim() === "") {
    throw new D1Error(400, 7400, "The request is malformed: `sql` must be a non-empty string");
  }
  // The reference documents `params` as an array of strings.
  if (!Array.isArray(params) || params.some((param) => typeof param !== "string")) {
    throw new D1Error(400, 7400, "The request is malformed: `params` must be an array of strings");
  }
  if (byteLength(sql) > MAX_STATEMENT_BYTES) throw tooBig("statement too long");
  if (params.length > MAX_PARAMS) {
    throw new D1Error(400, 7500, "too many SQL variables at offset 0: SQLITE_ERROR");
  }
  const sizes = params.map(byteLength);
  // Exact for an INSERT ... VALUES of one row; no other statement of the tests writes large rows.
  const rowBytes = /\bVALUES\s*\(/i.test(sql) ? sizes.reduce((sum, size) => sum + size, 0) : 0;
  if (Math.max(rowBytes, ...sizes) > MAX_ROW_BYTES) throw tooBig("string or blob too big");
  return { sql, params };
}

function sqlError(error) {
  const message = String(error?.message ?? error).replace(/^D1_(EXEC_)?ERROR: /, "");
  return new D1Error(400, 7500, message);
}

const tooBig = (what) => new D1Error(400, 7500, `${what}: SQLITE_TOOBIG`);
const byteLength = (text) => new TextEncoder().encode(text).length;
