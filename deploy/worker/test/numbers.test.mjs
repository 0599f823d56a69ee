import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteAllDays, harnessForFile, post, storedDay } from "./support.mjs";

const DATE = "2026-02-11";
const harness = await harnessForFile();
const random = seededRandom(20260211);
const sign = () => (random() < 0.5 ? -1 : 1);

// SQLite converts decimals between 1e-80 and 1e115 exactly; outside, `v` may differ in the last bit. The document
// keeps the original number.
const kinds = {
  "whole numbers": () => sign() * Math.floor(random() * 10 ** Math.ceil(random() * 15)),
  "whole numbers larger than 2^53": () =>
    sign() * Math.floor(random() * 10 ** (15 + Math.ceil(random() * 10))),
  "short decimals": () => sign() * Number((random() * 1e5).toFixed(1 + Math.floor(random() * 6))),
  "seventeen digits": () => sign() * random() * 10 ** Math.floor(random() * 7),
  "exponents from -79 to 114": () =>
    sign() * Number(`${1 + random() * 9}e${Math.floor(random() * 193) - 79}`),
};

for (const [name, make] of Object.entries(kinds)) {
  test(`40,000 numbers are stored exactly: ${name}`, async () => {
    for (let chunk = 0; chunk < 2; chunk++) {
      await deleteAllDays(harness);
      const points = Array.from({ length: 20_000 }, (_, i) => ({ t: time(i), v: make() + 0 }));
      const answer = await post(harness, {
        date: DATE,
        rows: [],
        overlay: { series: { A: points } },
      });
      assert.equal(answer.status, 200);

      const { metrics_series_points: stored } = await storedDay(harness, DATE);
      assert.equal(stored.length, points.length);
      const wrong = stored.filter(({ t, v }, i) => t !== points[i].t || v !== points[i].v);
      assert.deepEqual(wrong, []);
    }
  });
}

/** A time whose text sorts in the order of `i`. */
function time(i) {
  return new Date(Date.UTC(2026, 1, 11) + i * 1000).toISOString();
}

/** Mulberry32: the same numbers in every run. */
function seededRandom(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), 61 | bits);
    return (bits ^ (bits >>> 14)) >>> 0;
  };
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}
