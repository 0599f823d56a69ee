import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { DAYS, SNAPSHOT, get, harnessForFile, post, sampleDay, storedDay } from "./support.mjs";

const DATE = "2026-02-11";
const harness = await harnessForFile({ internalToken: "old-token, new-token\n\nthird-token," });
const token = { "X-Internal-Token": "new-token" };

function isError({ status, body }, expectedStatus, code, field = null) {
  assert.equal(status, expectedStatus);
  assert.equal(body.ok, false);
  assert.equal(body.error.code, code);
  assert.equal(body.error.field, field);
  assert.match(body.request_id, /./);
}

describe("token", () => {
  for (const valid of ["old-token", "new-token", "third-token"]) {
    test(`every listed token opens: ${valid}`, async () => {
      const { status } = await get(harness, DAYS, { "X-Internal-Token": valid });
      assert.equal(status, 200);
    });
  }

  const wrong = ["", "wrong", "new-toke", "new-token-", "old-token, new-token", ","];
  for (const invalid of wrong) {
    test(`no other token opens: "${invalid}"`, async () => {
      const headers = { "X-Internal-Token": invalid };
      isError(await get(harness, DAYS, headers), 403, "forbidden");
      isError(await get(harness, `${DAYS}/${DATE}`, headers), 403, "forbidden");
      isError(await post(harness, sampleDay("2026-03-01"), headers), 403, "forbidden");
      assert.deepEqual((await storedDay(harness, "2026-03-01")).metrics_daily, []);
    });
  }

  test("without the header nothing opens", async () => {
    const response = await fetch(harness.worker + DAYS);
    isError({ status: response.status, body: await response.json() }, 403, "forbidden");
  });

  for (const internalToken of ["", " ,\n"]) {
    test(`a Worker without a token says so: ${JSON.stringify(internalToken)}`, async (t) => {
      const unconfigured = await harnessFor(t, { internalToken, onLog: () => {} });
      const answer = await get(unconfigured, DAYS, { "X-Internal-Token": "" });
      isError(answer, 503, "not_configured");
      assert.match(answer.headers.get("Retry-After"), /^\d+$/);
    });
  }
});

describe("signature", () => {
  const secret = "signing secret ü";
  const body = JSON.stringify(sampleDay(DATE, "ünï"));
  const sign = (text, key = secret) => createHmac("sha256", key).update(text).digest("hex");

  test("where a secret is agreed, only the signed bytes pass", async (t) => {
    const signed = await harnessFor(t, { signingSecret: secret });
    assert.equal((await post(signed, body, { "X-Signature": sign(body) })).status, 200);

    const forged = [
      {},
      { "X-Signature": "" },
      { "X-Signature": sign(body, "other") },
      { "X-Signature": sign(body + " ") },
      { "X-Signature": sign(body).toUpperCase() },
      { "X-Signature": sign(body).slice(0, 62) },
      { "X-Signature": `sha256=${sign(body)}` },
    ];
    for (const headers of forged) isError(await post(signed, body, headers), 403, "forbidden");
    isError(await post(signed, body + "\n", { "X-Signature": sign(body) }), 403, "forbidden");
    assert.equal((await get(signed, `${DAYS}/${DATE}`)).status, 200);
  });

  test("where none is agreed, the header means nothing", async () => {
    assert.equal((await post(harness, body, { ...token, "X-Signature": "x" })).status, 200);
  });
});

describe("routes and methods", () => {
  for (const [path, methods, allow] of [
    [SNAPSHOT, ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"], "POST"],
    [DAYS, ["POST", "DELETE", "OPTIONS"], "GET, HEAD"],
    [`${DAYS}/${DATE}`, ["POST", "PUT", "DELETE"], "GET, HEAD"],
  ]) {
    test(`${path} takes ${allow} only`, async () => {
      for (const method of methods) {
        const response = await fetch(harness.worker + path, { method, headers: token });
        const answer = { status: response.status, body: await response.json() };
        isError(answer, 405, "method_not_allowed");
        assert.equal(response.headers.get("Allow"), allow);
      }
    });
  }

  for (const path of [
    "/",
    "/v1/internal/trades",
    `${SNAPSHOT}/`,
    `${DAYS}/`,
    `${DAYS}/${DATE}/x`,
  ]) {
    test(`there is no ${path}`, async () => {
      isError(await get(harness, path, token), 404, "not_found");
    });
  }

  test("HEAD is GET without the body", async () => {
    await post(harness, sampleDay(DATE), token);
    for (const [path, status] of [
      [DAYS, 200],
      [`${DAYS}/${DATE}`, 200],
      [`${DAYS}/1999-01-01`, 404],
    ]) {
      const response = await fetch(harness.worker + path, { method: "HEAD", headers: token });
      assert.equal(response.status, status);
      assert.match(response.headers.get("Content-Type"), /^application\/json/);
      assert.equal(await response.text(), "");
    }
  });

  test("a request has its own id, or the one Cloudflare gave it", async () => {
    const ids = [await get(harness, DAYS + "?limit=0", token), await get(harness, "/", token)];
    assert.notEqual(ids[0].body.request_id, ids[1].body.request_id);
    const traced = await get(harness, "/", { ...token, "cf-ray": "8f1e-HAM" });
    assert.equal(traced.body.request_id, "8f1e-HAM");
  });
});

describe("bodies", () => {
  test("bytes that are not UTF-8 are refused", async () => {
    const bytes = Buffer.from(JSON.stringify(sampleDay(DATE, "café")), "latin1");
    isError(await post(harness, new Uint8Array(bytes), token), 400, "invalid_json");
  });

  test("the nesting limit counts arrays and objects, not brackets in strings", async () => {
    const document = (name) => ({ date: DATE, rows: [{ kpi: name, value: "1" }] });
    const { status } = await post(harness, document('\\"' + "[{".repeat(500) + "\\"), token);
    assert.equal(status, 200);
    const nested = (levels) => "[".repeat(levels) + "]".repeat(levels);
    const ignored = (levels) =>
      `{"date":"${DATE}","rows":[{"kpi":"A","value":"1"}],"x":${nested(levels)}}`;
    assert.equal((await post(harness, ignored(126), token)).status, 200);
    isError(await post(harness, ignored(127), token), 400, "invalid_json");
    isError(await post(harness, nested(1_000_000), token), 400, "invalid_json");
  });

  test("a whole surrogate pair and an escaped backslash before ud800 are text", async () => {
    const body = String.raw`{"date":"2026-02-11","rows":[{"kpi":"\ud83d\ude00","value":"\\ud800"}]}`;
    assert.equal((await post(harness, body, token)).status, 200);
    const {
      metrics_kpi_values: [row],
    } = await storedDay(harness, DATE);
    assert.deepEqual([row.kpi, row.value_text], ["😀", "\\ud800"]);
    isError(await post(harness, body.replace("\\ude00", "\\ud83d"), token), 400, "invalid_json");
    isError(await post(harness, body.replace("\\ud83d", ""), token), 400, "invalid_json");
  });

  test("a body past the bound is refused, whether its length is announced or not", async () => {
    const text = " ".repeat(8 * 1024 * 1024 + 1);
    isError(await post(harness, text, token), 413, "too_large");
    const response = await fetch(harness.worker + SNAPSHOT, {
      method: "POST",
      headers: token,
      body: new Blob([text]).stream(),
      duplex: "half",
    });
    isError({ status: response.status, body: await response.json() }, 413, "too_large");
  });
});

describe("queries", () => {
  for (const limit of ["0", "101", "-1", "1.5", "x", "", "1e1"]) {
    test(`limit=${limit} is refused`, async () => {
      isError(await get(harness, `${DAYS}?limit=${limit}`, token), 400, "invalid_field", "limit");
    });
  }
  for (const before of ["", "2026-02-30", "today"]) {
    test(`before=${before} is refused`, async () => {
      isError(
        await get(harness, `${DAYS}?before=${before}`, token),
        400,
        "invalid_field",
        "before",
      );
    });
  }
  for (const date of ["2026-02-30", "latest", "2026-02-11T00:00", "%00", "%E0%A4"]) {
    test(`the day ${date} is refused`, async () => {
      isError(await get(harness, `${DAYS}/${date}`, token), 400, "invalid_field", "date");
    });
  }
});

async function harnessFor(t, options) {
  const { startHarness } = await import("../harness/start.mjs");
  const started = await startHarness(options);
  t.after(() => started.stop());
  return started;
}
