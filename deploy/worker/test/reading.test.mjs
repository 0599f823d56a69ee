import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { beforeEach, describe, test } from "node:test";
import {
  DATES,
  DAYS,
  KPIS,
  LATEST,
  deleteAllDays,
  get,
  harnessForFile,
  post,
  sampleDay,
} from "./support.mjs";

const DATE = "2026-02-11";
const harness = await harnessForFile();
beforeEach(() => deleteAllDays(harness));

/** Stores the first days of January in reverse order; returns their dates. */
async function storeDays(count) {
  const dates = Array.from(
    { length: count },
    (_, i) => `2026-01-${String(i + 1).padStart(2, "0")}`,
  );
  for (const date of dates.toReversed()) await post(harness, sampleDay(date, "A"));
  return dates;
}

function isInvalid({ status, body }, field) {
  assert.deepEqual([status, body.error?.code, body.error?.field], [400, "invalid_field", field]);
}

describe("the latest day", () => {
  test("is the newest date, regardless of the order of storing", async () => {
    await post(harness, sampleDay("2026-02-12", "new"));
    await post(harness, sampleDay("2026-02-03", "old"));
    const { status, body } = await get(harness, LATEST);
    assert.deepEqual([status, body.date, body.headline], [200, "2026-02-12", "new"]);
    assert.deepEqual(body, (await get(harness, `${DAYS}/2026-02-12`)).body);
  });

  test("is not found if no day is stored", async () => {
    const { status, headers, body } = await get(harness, LATEST);
    assert.deepEqual([status, body.error.code, headers.get("ETag")], [404, "not_found", null]);
  });
});

describe("dates", () => {
  test("are listed newest first, within the range", async () => {
    assert.deepEqual((await get(harness, DATES)).body, { dates: [] });
    const dates = (await storeDays(9)).toReversed();
    const of = async (query) => (await get(harness, `${DATES}${query}`)).body.dates;
    assert.deepEqual(await of(""), dates);
    assert.deepEqual(await of("?limit=2"), dates.slice(0, 2));
    assert.deepEqual(await of("?from=2026-01-03&to=2026-01-05"), dates.slice(4, 7));
    assert.deepEqual(await of("?from=2026-01-08"), dates.slice(0, 2));
    assert.deepEqual(await of("?to=2026-01-02&limit=1"), ["2026-01-02"]);
    assert.deepEqual(await of("?from=2027-01-01"), []);
  });

  for (const [query, field] of [
    ["limit=0", "limit"],
    ["limit=10001", "limit"],
    ["limit=", "limit"],
    ["limit=1&limit=2", "limit"],
    ["from=today", "from"],
    ["from=", "from"],
    ["to=2026-02-30", "to"],
    ["from=2026-01-02&to=2026-01-01", "from"],
  ]) {
    test(`?${query} is rejected, here and for a KPI`, async () => {
      isInvalid(await get(harness, `${DATES}?${query}`), field);
      isInvalid(await get(harness, `${KPIS}/A?${query}`), field);
    });
  }
});

describe("one KPI over several days", () => {
  const store = (date, value) =>
    post(harness, {
      date,
      rows: [
        { kpi: "Win rate / 1", value },
        { kpi: "Other", value: "9" },
      ],
    });
  const path = `${KPIS}/${encodeURIComponent("Win rate / 1")}`;

  test("returns its values with their kinds, oldest first", async () => {
    await store("2026-01-05", null);
    await store("2026-01-01", "72.5%");
    await store("2026-01-04", "$1,234.56");
    await store("2026-01-02", "-1,234.5");
    await post(harness, sampleDay("2026-01-03", "A"));
    const value = (date, value, number, kind) => ({ date, value, number, kind });
    const expected = [
      value("2026-01-01", "72.5%", 72.5, "percent"),
      value("2026-01-02", "-1,234.5", -1234.5, "number"),
      value("2026-01-04", "$1,234.56", null, "text"),
      value("2026-01-05", "", null, "text"),
    ];
    const { body } = await get(harness, path);
    assert.deepEqual(body, { kpi: "Win rate / 1", values: expected });
    const of = async (query) => (await get(harness, path + query)).body.values;
    assert.deepEqual(await of("?limit=2"), expected.slice(2), "the newest ones");
    assert.deepEqual(await of("?from=2026-01-02&to=2026-01-04"), expected.slice(1, 3));
    assert.deepEqual(await of("?from=2027-01-01"), []);
  });

  test("returns no values if no day has the KPI", async () => {
    await storeDays(1);
    assert.deepEqual((await get(harness, `${KPIS}/a`)).body, { kpi: "a", values: [] });
    const injected = encodeURIComponent("x' OR 1=1 --");
    assert.deepEqual((await get(harness, `${KPIS}/${injected}`)).body.values, []);
  });

  for (const name of ["%", "%E0%A4", "%20", "%ff"]) {
    test(`the name ${name} is rejected`, async () => {
      isInvalid(await get(harness, `${KPIS}/${name}`), "kpi");
    });
  }
});

const day = {
  date: DATE,
  updated_at: `${DATE}T14:00:00Z`,
  headline: "h",
  summary: "s",
  rows: [
    { kpi: "A", value: "1" },
    { kpi: "B", value: "2" },
  ],
  overlay: {
    seriesByKpi: { A: [{ t: DATE, v: 0.1 }], B: [{ t: DATE, v: 1e21, src: "live" }] },
    extremes: {
      byKpi: {
        A: { hi: [{ trade_id: 1, contract_name: "C", note: { deep: [1] } }], lo: [] },
        C: { hi: [], lo: [] },
      },
    },
    portfolioAssets: [{ trade_id: 1, contract_name: "C" }],
  },
  source: "d1",
};
const { rows, overlay, ...head } = day;
const { seriesByKpi, extremes, portfolioAssets } = overlay;

describe("a part of a day", () => {
  beforeEach(() => post(harness, day));

  const cases = {
    "": day,
    "?parts=kpis": { ...head, rows },
    "?parts=series": { ...head, overlay: { seriesByKpi } },
    "?parts=extremes": { ...head, overlay: { extremes } },
    "?parts=assets": { ...head, overlay: { portfolioAssets } },
    "?parts=assets,kpis": { ...head, rows, overlay: { portfolioAssets } },
    "?parts=kpis,%20kpis": { ...head, rows },
    "?parts=kpis,series,extremes,assets": day,
    "?kpi=A": {
      ...head,
      rows: [rows[0]],
      overlay: {
        seriesByKpi: { A: seriesByKpi.A },
        extremes: { byKpi: { A: extremes.byKpi.A } },
      },
    },
    "?kpi=%20B%20&parts=kpis,extremes,assets": {
      ...head,
      rows: [rows[1]],
      overlay: { extremes: { byKpi: {} }, portfolioAssets },
    },
    "?kpi=A&parts=assets": { ...head, overlay: { portfolioAssets } },
    "?kpi=A&parts=extremes": { ...head, overlay: { extremes: { byKpi: { A: extremes.byKpi.A } } } },
    "?kpi=a": { ...head, rows: [], overlay: { seriesByKpi: {}, extremes: { byKpi: {} } } },
  };
  for (const [query, expected] of Object.entries(cases)) {
    test(`"${query}"`, async () => {
      for (const path of [`${DAYS}/${DATE}`, LATEST]) {
        const { status, body } = await get(harness, path + query);
        assert.equal(status, 200);
        assert.deepEqual(body, { ...expected, source: "d1" });
      }
    });
  }

  for (const name of [".", ".."]) {
    test(`the query parameter can name the KPI "${name}", which a path can't`, async () => {
      const row = { kpi: name, value: "1" };
      await post(harness, { ...day, rows: [...rows, row] });
      const { body } = await get(harness, `${LATEST}?parts=kpis&kpi=${name}`);
      assert.deepEqual(body.rows, [row]);
    });
  }
});

describe("the selection of a part", () => {
  beforeEach(() => post(harness, day));

  for (const [query, field] of [
    ["parts=", "parts"],
    ["parts=kpis,", "parts"],
    ["parts=rows", "parts"],
    ["parts=KPIS", "parts"],
    ["parts=kpis&parts=series", "parts"],
    ["kpi=", "kpi"],
    ["kpi=%20", "kpi"],
    ["kpi=A&kpi=B", "kpi"],
  ]) {
    test(`?${query} is rejected`, async () => {
      isInvalid(await get(harness, `${DAYS}/${DATE}?${query}`), field);
      isInvalid(await get(harness, `${LATEST}?${query}`), field);
    });
  }

  test("every KPI name can be requested", async () => {
    const file = new URL("../fixtures/odd-names.json", import.meta.url);
    const { raw } = JSON.parse(await readFile(file, "utf8"));
    await post(harness, raw);
    const { rows: all, overlay: whole } = JSON.parse(
      await (await getResponse(`${DAYS}/${DATE}`)).text(),
    );
    assert.ok(all.length > 20);
    for (const { kpi, value } of all) {
      const name = encodeURIComponent(kpi);
      const { body } = await get(harness, `${DAYS}/${DATE}?kpi=${name}`);
      assert.deepEqual(body.rows, [{ kpi, value }]);
      const entries = ({ [kpi]: own }) => [[kpi, own]];
      assert.deepEqual(Object.entries(body.overlay.seriesByKpi), entries(whole.seriesByKpi));
      const { byKpi } = body.overlay.extremes;
      assert.deepEqual(Object.entries(byKpi), entries(whole.extremes.byKpi));
      const { body: overDays } = await get(harness, `${KPIS}/${name}`);
      assert.deepEqual([overDays.kpi, overDays.values.map((entry) => entry.value)], [kpi, [value]]);
    }
  });
});

describe("entity tags", () => {
  const PATHS = [
    LATEST,
    `${DAYS}/${DATE}`,
    `${DAYS}/${DATE}?parts=kpis`,
    `${LATEST}?kpi=A`,
    DAYS,
    DATES,
    `${KPIS}/A`,
  ];
  beforeEach(() => post(harness, sampleDay(DATE, "A")));

  for (const path of PATHS) {
    test(`${path} returns 304 until it changes`, async () => {
      const first = await getResponse(path);
      const tag = first.headers.get("ETag");
      assert.match(tag, /^"[0-9a-f]{32}"$/);
      assert.equal(first.headers.get("Cache-Control"), "private, no-cache");

      for (const match of [tag, `W/${tag}`, `"x", W/"y" , ${tag}`, "*", ` * `]) {
        for (const method of ["GET", "HEAD"]) {
          const response = await getResponse(path, { "If-None-Match": match }, method);
          assert.equal(response.status, 304, match);
          assert.equal(response.headers.get("ETag"), tag);
          assert.equal(response.headers.get("Cache-Control"), "private, no-cache");
          assert.equal(await response.text(), "");
        }
      }
      for (const other of ['"x"', tag.slice(1, -1), "", `"${tag.slice(1, 9)}"`]) {
        const response = await getResponse(path, { "If-None-Match": other });
        assert.equal(response.status, 200, other);
      }
      const head = await getResponse(path, {}, "HEAD");
      assert.deepEqual([head.status, head.headers.get("ETag")], [200, tag]);
    });
  }

  test("a day that is stored again with other content and the same updated_at has another tag", async () => {
    const tags = async () =>
      Promise.all(PATHS.map(async (path) => (await getResponse(path)).headers.get("ETag")));
    const before = await tags();
    await post(harness, sampleDay(DATE, "A"));
    assert.deepEqual(await tags(), before);

    const day = sampleDay(DATE, "A");
    await post(harness, { ...day, rows: [{ kpi: "A", value: "2" }] });
    const after = await tags();
    assert.deepEqual(
      PATHS.filter((_, i) => after[i] === before[i]),
      [DAYS, DATES],
      "the lists, which do not contain values, do not change",
    );

    await post(harness, sampleDay("2026-02-12", "A"));
    const later = await tags();
    assert.deepEqual(
      PATHS.filter((_, i) => later[i] === after[i]),
      [`${DAYS}/${DATE}`, `${DAYS}/${DATE}?parts=kpis`],
    );
  });

  test("an error is never 304", async () => {
    const headers = { "If-None-Match": "*" };
    assert.equal((await getResponse(`${DAYS}/1999-01-01`, headers)).status, 404);
    assert.equal((await getResponse(`${DATES}?limit=x`, headers)).status, 400);
    const wrong = { ...headers, "X-Read-Token": "wrong" };
    assert.equal((await getResponse(LATEST, wrong)).status, 403);
  });
});

function getResponse(path, headers = {}, method = "GET") {
  const token = { "X-Read-Token": harness.read_token };
  return fetch(harness.worker + path, { method, headers: { ...token, ...headers } });
}
