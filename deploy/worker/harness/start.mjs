// Starts the Worker and D1's REST route on real workerd, with the same database.

import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Miniflare } from "miniflare";

const root = fileURLToPath(new URL("..", import.meta.url));
const compatibilityDate = "2026-04-01"; // as in wrangler.jsonc

/**
 * Options: internalToken and readToken (default: random; null: the secret is not set; "": a blank secret),
 * signingSecret, persist (a folder; default: in memory), migrations (default: true), workerPort and d1Port
 * (default: 0, any free port), onLog (called with text).
 */
export async function startHarness(options = {}) {
  const { internalToken = randomToken(), readToken = randomToken() } = options;
  const { signingSecret, migrations = true } = options;
  const [bundle, d1Api] = await Promise.all([
    bundleWorker(),
    readFile(`${root}harness/d1_api.mjs`, "utf8"),
  ]);

  // A fixed id, so a persisted database is found again.
  const d1Databases = { DB: "snapshots" };
  const ids = {
    ACCOUNT_ID: randomBytes(16).toString("hex"),
    DATABASE_ID: randomUUID(),
    API_TOKEN: randomToken(),
  };
  const common = { compatibilityDate, modules: true, d1Databases };
  const socket = (port) => [{ host: "127.0.0.1", port: port ?? 0 }];
  const { mf, dispose } = miniflareInOwnFolder({
    host: "127.0.0.1",
    cf: false, // by default, Miniflare downloads an example of request.cf
    ...(options.persist ? { d1Persist: options.persist } : {}),
    handleRuntimeStdio: (stdout, stderr) => {
      for (const stream of [stdout, stderr]) stream.on("data", options.onLog ?? logToStderr);
    },
    workers: [
      {
        ...common,
        name: "worker",
        script: bundle,
        bindings: {
          ...(internalToken === null ? {} : { INTERNAL_TOKEN: internalToken }),
          ...(readToken === null ? {} : { READ_TOKEN: readToken }),
          ...(signingSecret === undefined ? {} : { SIGNING_SECRET: signingSecret }),
        },
        unsafeDirectSockets: socket(options.workerPort),
      },
      {
        ...common,
        name: "d1-api",
        script: d1Api,
        bindings: ids,
        unsafeDirectSockets: socket(options.d1Port),
      },
    ],
  });

  try {
    const harness = {
      worker: (await mf.unsafeGetDirectURL("worker")).origin,
      d1_api: `${(await mf.unsafeGetDirectURL("d1-api")).origin}/client/v4`,
      account_id: ids.ACCOUNT_ID,
      database_id: ids.DATABASE_ID,
      api_token: ids.API_TOKEN,
      internal_token: internalToken,
      read_token: readToken,
    };
    if (migrations) await migrate(harness);
    return { ...harness, stop: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Miniflare does not delete its temporary files, so it gets its own folder, which `dispose` deletes. */
function miniflareInOwnFolder(options) {
  const folder = mkdtempSync(join(tmpdir(), "snapshot-worker-"));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  let mf;
  try {
    mf = new Miniflare(options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
  const dispose = async () => {
    await mf.dispose();
    await rm(folder, { recursive: true, force: true });
  };
  return { mf, dispose };
}

/** Sends a body ({sql, params} or {batch}) to D1's REST route; returns the status and the response's members. */
export async function queryD1(harness, body) {
  const { d1_api, account_id, database_id, api_token } = harness;
  const url = `${d1_api}/accounts/${account_id}/d1/database/${database_id}/query`;
  const headers = { Authorization: `Bearer ${api_token}`, "Content-Type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, ...(await response.json()) };
}

/** Makes the next queries fail, one for each entry `{status, code, message}`. */
export async function failNextQueries(harness, failures) {
  const body = JSON.stringify(failures);
  const response = await fetch(`${harness.d1_api}/failures`, { method: "PUT", body });
  if (!response.ok) throw new Error(`PUT /failures returned the status ${response.status}`);
}

async function bundleWorker() {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ["src/index.ts"],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    loader: { ".sql": "text" },
  });
  return result.outputFiles[0].text;
}

/**
 * Applies the migrations that the database lacks, up to and including `last`. Like wrangler, it records each
 * migration in the same transaction as its statements.
 */
export async function migrate(harness, last = undefined) {
  const folder = `${root}migrations/`;
  await runD1(harness, [
    `CREATE TABLE IF NOT EXISTS d1_migrations (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
     )`,
  ]);
  const [{ results }] = await runD1(harness, ["SELECT name FROM d1_migrations"]);
  const applied = new Set(results.map(({ name }) => name));
  for (const name of (await readdir(folder)).sort()) {
    if (applied.has(name) || (last !== undefined && name > last)) continue;
    const sql = (await readFile(folder + name, "utf8")).replace(/--.*$/gm, "");
    const statements = sql.split(";").filter((statement) => statement.trim() !== "");
    await runD1(harness, [...statements, `INSERT INTO d1_migrations (name) VALUES ('${name}')`]);
  }
}

async function runD1(harness, statements) {
  const answer = await queryD1(harness, { batch: statements.map((sql) => ({ sql })) });
  if (!answer.success) throw new Error(`${answer.errors[0].message} in: ${statements.join("; ")}`);
  return answer.result;
}

const randomToken = () => randomBytes(24).toString("base64url");
const logToStderr = (chunk) => process.stderr.write(chunk);
