// Stores a day of 7,374 points on local D1 in three ways: the nine statements in one batch, one INSERT per row in
// batches of 200, and one INSERT per row in separate requests. Prints medians and ratios.

import { readdir, readFile } from "node:fs/promises";
import { Miniflare } from "miniflare";

const POINTS = 7_374;
const RUNS = 9;
const DATE = "2026-02-11";
const root = new URL("..", import.meta.url);
const read = (path) => readFile(new URL(path, root), "utf8");

const script = `
export default {
  async fetch(request, { DB, SQL }) {
    const { method, day, points } = await request.json();
    if (method === "migrate") for (const sql of day) await DB.prepare(sql).run();
    else if (method === "statements") await runStatements(DB, SQL, day);
    else await insertRows(DB, SQL, day, points, method === "batches" ? 200 : 1);
    return new Response();
  },
};

const params = (day, i) => (i === 0 ? day : i === 5 ? [day[0], "[]"] : [day[0]]);

function runStatements(DB, SQL, day) {
  return DB.batch(SQL.map((sql, i) => DB.prepare(sql).bind(...params(day, i))));
}

async function insertRows(DB, SQL, day, points, size) {
  await DB.batch(SQL.slice(0, 5).map((sql, i) => DB.prepare(sql).bind(...params(day, i))));
  const insert = DB.prepare("INSERT INTO metrics_series_points VALUES (?1, ?2, ?3, ?4, ?5)");
  for (let i = 0; i < points.length; i += size) {
    await DB.batch(points.slice(i, i + size).map((point) => insert.bind(...point)));
  }
}`;

const names = (await readdir(new URL("statements", root))).sort();
const SQL = await Promise.all(names.map((name) => read(`statements/${name}`)));
const mf = new Miniflare({
  cf: false,
  modules: true,
  compatibilityDate: "2026-04-01",
  script,
  d1Databases: ["DB"],
  bindings: { SQL },
});

const series = Object.fromEntries(Array.from({ length: 18 }, (_, k) => [`KPI ${k}`, []]));
for (let i = 0; i < POINTS; i++) {
  const t = new Date(Date.UTC(2026, 1, 11) + i * 1000).toISOString();
  series[`KPI ${i % 18}`].push({ t, v: Math.sin(i) * 1000, src: "live" });
}
const overlay = { seriesByKpi: series, extremes: { byKpi: {} }, portfolioAssets: [] };
const day = [DATE, `${DATE}T14:00:00Z`, "bench", "", "[]", JSON.stringify(overlay)];
const points = Object.entries(series).flatMap(([kpi, list]) =>
  list.map(({ t, v, src }) => [DATE, kpi, t, v, src]),
);

async function milliseconds(body) {
  const text = JSON.stringify(body);
  const start = performance.now();
  const response = await mf.dispatchFetch("http://bench/", { method: "POST", body: text });
  if (!response.ok) throw new Error(await response.text());
  return performance.now() - start;
}

try {
  const migrations = (await readdir(new URL("migrations", root))).sort();
  for (const name of migrations) {
    const statements = (await read(`migrations/${name}`)).replace(/--.*$/gm, "").split(";");
    await milliseconds({ method: "migrate", day: statements.filter((sql) => sql.trim() !== "") });
  }
  const rows = { day: [...day.slice(0, 5), "{}"], points };
  const methods = {
    statements: ["nine statements in one batch", RUNS, { day }],
    batches: ["one INSERT per row, batches of 200", RUNS, rows],
    single: ["one INSERT per row, no batches", 3, rows],
  };
  let baseline;
  console.log(`${POINTS} points, medians`);
  for (const [method, [name, runs, data]] of Object.entries(methods)) {
    const times = [];
    for (let run = 0; run < runs; run++) times.push(await milliseconds({ method, ...data }));
    const median = times.toSorted((a, b) => a - b)[Math.floor(runs / 2)];
    baseline ??= median;
    console.log(
      `${name.padEnd(34)}${median.toFixed(1).padStart(9)} ms   x ${(median / baseline).toFixed(1)}`,
    );
  }
} finally {
  await mf.dispose();
}
