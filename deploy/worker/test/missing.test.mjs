// Compares the table of fields that may be missing in docs/API.md with the fixtures missing-*.json. The tests
// in fixtures.test.mjs and those of trades-sync run these fixtures.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const HEADER =
  "| field | may be missing | stored without it | lost | answer | receiver in use |\n|---|---|---|---|---|---|\n";
const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const fixture = (name) => JSON.parse(read(`../fixtures/missing-${name}.json`));
const fields = readTable(read("../../../docs/API.md"));
const whole = fixture("nothing").body;

for (const { field, mayBeMissing, storedWithoutIt, lost, answer } of fields) {
  test(`${field}: may be missing: ${mayBeMissing}, ${answer}`, () => {
    assert.equal(mayBeMissing === "yes", lost === "nothing");
    for (const [how, change] of [
      ["absent", (parent, key) => delete parent[key]],
      ["null", (parent, key) => (parent[key] = null)],
    ]) {
      const { body, expect } = fixture(`${slug(field)}-${how}`);
      assert.deepEqual(body, changed(whole, field, change));
      assert.deepEqual(answerOf(expect), [answer, answer === "400" ? pathOf(field) : undefined]);
      const [, column] = /^`(\w+)` NULL$/.exec(storedWithoutIt) ?? [];
      if (column) assert.equal(firstRow(expect.stored, field)[column], null);
    }
  });
}

test("the table has every field of the document, and every fixture belongs to a field", () => {
  const listed = fields.map(({ field }) => field);
  assert.deepEqual(listed.toSorted(), [...fieldsOf(whole)].toSorted());
  const cases = readdirSync(new URL("../fixtures/", import.meta.url))
    .filter((file) => file.startsWith("missing-") && file !== "missing-nothing.json")
    .toSorted();
  const expected = listed.flatMap((field) =>
    ["absent", "null"].map((how) => `missing-${slug(field)}-${how}.json`),
  );
  assert.deepEqual(cases, expected.toSorted());
});

function readTable(text) {
  const [, after] = text.split(HEADER);
  assert.ok(after, "docs/API.md has the table of fields");
  const lines = after.split("\n\n")[0].split("\n");
  return lines.map((line) => {
    const [field, mayBeMissing, storedWithoutIt, lost, answer] = line.slice(2, -2).split(" | ");
    return { field: field.replaceAll("`", ""), mayBeMissing, storedWithoutIt, lost, answer };
  });
}

function answerOf({ refused, stored }) {
  if (stored) return [`200, dropped ${stored.dropped}`, undefined];
  assert.equal(refused.code, "invalid_field");
  return [String(refused.status), refused.field];
}

/** The first stored row of the table that the field belongs to. */
function firstRow(stored, field) {
  if (field.includes("seriesByKpi")) return stored.metrics_series_points[0];
  if (field.includes("extremes")) return stored.metrics_extremes_items[0];
  return stored.metrics_portfolio_assets[0];
}

/** The path of the first element: [0] for `[]`, A for `{kpi}`, hi for `{side}`. */
function pathOf(field) {
  return field.replace("{kpi}", "A").replace("{side}", "hi").replace("[]", "[0]");
}

function slug(field) {
  return field.replace(/[^A-Za-z_]+/g, "-").replace(/-$/, "");
}

function changed(document, field, change) {
  const copy = structuredClone(document);
  const keys = pathOf(field).replace("[0]", ".0").split(".");
  const last = keys.pop();
  change(
    keys.reduce((value, key) => value[key], copy),
    last,
  );
  return copy;
}

/** The paths of a document's fields, with `[]`, `{kpi}` and `{side}` for indexes and keys. */
function fieldsOf(value, path = "", found = new Set()) {
  if (Array.isArray(value)) {
    for (const element of value) fieldsOf(element, `${path}[]`, found);
  } else if (typeof value === "object") {
    for (const [key, member] of Object.entries(value)) {
      const name = key === "A" ? "{kpi}" : key === "hi" || key === "lo" ? "{side}" : key;
      const field = path === "" ? name : `${path}.${name}`;
      found.add(field);
      fieldsOf(member, field, found);
    }
  }
  return found;
}
