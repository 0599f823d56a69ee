import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import {
  DATES,
  DAYS,
  KPIS,
  LATEST,
  SNAPSHOT,
  get,
  harnessForFile,
  post,
  sampleDay,
  storedDay,
} from "./support.mjs";

const DATE = "2026-02-11";
const harness = await harnessForFile({
  internalToken: "old-token, new-token\n\nthird-token,",
  readToken: "reader-1,reader-2",
});
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
    test(`every listed token is accepted: ${valid}`, async () => {
      const { status } = await get(harness, DAYS, { "X-Internal-Token": valid });
      assert.equal(status, 200);
    });
  }

  const wrong = ["", "wrong", "new-toke", "new-token-", "old-token, new-token", ","];
  for (const invalid of wrong) {
    test(`other tokens are rejected: "${invalid}"`, async () => {
      const headers = { "X-Internal-Token": invalid };
      isError(await get(harness, DAYS, headers), 403, "forbidden");
      isError(await get(harness, `${DAYS}/${DATE}`, headers), 403, "forbidden");
      isError(await post(harness, sampleDay("2026-03-01"), headers), 403, "forbidden");
      assert.deepEqual((await storedDay(harness, "2026-03-01")).metrics_daily, []);
    });
  }

  test("a request without the header is rejected", async () => {
    const response = await fetch(harness.worker + DAYS);
    isError({ status: response.status, body: await response.json() }, 403, "forbidden");
  });
});

describe("read token", () => {
  const GETS = [DAYS, `${DAYS}/${DATE}`, LATEST, DATES, `${KPIS}/A`];
  const withHeaders = async (path, headers) => {
    const response = await fetch(harness.worker + path, { headers });
    return { status: response.status, body: await response.json() };
  };

  for (const path of GETS) {
    test(`it permits reading ${path}, and so does an internal token`, async () => {
      await post(harness, sampleDay(DATE), token);
      for (const readToken of ["reader-1", "reader-2"]) {
        assert.equal((await withHeaders(path, { "X-Read-Token": readToken })).status, 200);
      }
      assert.equal((await withHeaders(path, token)).status, 200);
      const both = { "X-Read-Token": "wrong", "X-Internal-Token": "new-token" };
      assert.equal((await withHeaders(path, both)).status, 200);
    });

    test(`other headers do not permit reading ${path}`, async () => {
      for (const headers of [
        { "X-Read-Token": "" },
        { "X-Read-Token": "reader" },
        { "X-Read-Token": "reader-1,reader-2" },
        { "X-Internal-Token": "reader-1" },
        { "X-Read-Token": "new-token" },
      ]) {
        isError(await withHeaders(path, headers), 403, "forbidden");
      }
    });
  }

  test("it does not permit writing", async () => {
    for (const headers of [
      { "X-Read-Token": "reader-1", "X-Internal-Token": "" },
      { "X-Read-Token": "reader-1", "X-Internal-Token": "reader-1" },
    ]) {
      isError(await post(harness, sampleDay("2026-03-02"), headers), 403, "forbidden");
    }
    assert.deepEqual((await storedDay(harness, "2026-03-02")).metrics_daily, []);
  });
});

describe("secrets that are not set, or blank", () => {
  const blank = [null, "", " ,\n"];

  for (const secret of blank) {
    const name = JSON.stringify(secret);
    test(`neither token (${name}): every request is rejected`, async (t) => {
      const tokens = { internalToken: secret, readToken: secret };
      const unconfigured = await harnessFor(t, { ...tokens, onLog: () => {} });
      const headers = { "X-Internal-Token": "", "X-Read-Token": "" };
      for (const answer of [
        await get(unconfigured, DAYS, headers),
        await post(unconfigured, sampleDay(DATE), headers),
      ]) {
        isError(answer, 503, "not_configured");
        assert.match(answer.headers.get("Retry-After"), /^\d+$/);
      }
    });

    test(`no internal token (${name}): a read token permits reading, nothing permits writing`, async (t) => {
      const reading = await harnessFor(t, {
        internalToken: secret,
        readToken: "r",
        onLog: () => {},
      });
      const headers = { "X-Internal-Token": "", "X-Read-Token": "r" };
      assert.equal((await get(reading, DAYS, headers)).status, 200);
      isError(await get(reading, DAYS, { ...headers, "X-Read-Token": "" }), 403, "forbidden");
      isError(await post(reading, sampleDay(DATE), headers), 503, "not_configured");
    });

    test(`no read token (${name}): the internal token permits reading and writing`, async (t) => {
      const writing = await harnessFor(t, { internalToken: "w", readToken: secret });
      const headers = { "X-Internal-Token": "", "X-Read-Token": "" };
      isError(await get(writing, DAYS, headers), 403, "forbidden");
      assert.equal((await post(writing, sampleDay(DATE))).status, 200);
      assert.equal((await get(writing, `${DAYS}/${DATE}`)).status, 200);
    });
  }

  for (const signingSecret of ["", " \n", " ,\n,"]) {
    test(`a blank signing secret (${JSON.stringify(signingSecret)}) rejects every day`, async (t) => {
      const unsigned = await harnessFor(t, { signingSecret, onLog: () => {} });
      isError(await post(unsigned, sampleDay(DATE)), 503, "not_configured");
      assert.equal((await get(unsigned, DAYS)).status, 200);
    });
  }
});

describe("signature", () => {
  const secret = "signing secret ü";
  const body = JSON.stringify(sampleDay(DATE, "ünï"));
  const sign = (text, key = secret) => createHmac("sha256", key).update(text).digest("hex");

  test("with a signing secret, only the signed bytes are accepted", async (t) => {
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

  test("with two signing secrets, a signature with either is accepted", async (t) => {
    const rotating = await harnessFor(t, { signingSecret: " new ü ,\nold\n" });
    for (const valid of ["new ü", "old"]) {
      assert.equal((await post(rotating, body, { "X-Signature": sign(body, valid) })).status, 200);
    }
    for (const wrong of ["new", "", "new ü,old", " new ü ,\nold\n"]) {
      const headers = { "X-Signature": sign(body, wrong) };
      isError(await post(rotating, body, headers), 403, "forbidden");
    }
  });

  test("without a signing secret, the header is ignored", async () => {
    assert.equal((await post(harness, body, { ...token, "X-Signature": "x" })).status, 200);
  });
});

describe("routes and methods", () => {
  for (const [path, methods, allow] of [
    [SNAPSHOT, ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"], "POST"],
    [DAYS, ["POST", "DELETE", "OPTIONS"], "GET, HEAD"],
    [`${DAYS}/${DATE}`, ["POST", "PUT", "DELETE"], "GET, HEAD"],
    [LATEST, ["POST", "PUT", "DELETE"], "GET, HEAD"],
    [DATES, ["POST", "PUT", "DELETE"], "GET, HEAD"],
    [`${KPIS}/A`, ["POST", "PUT", "DELETE"], "GET, HEAD"],
  ]) {
    test(`${path} accepts only ${allow}`, async () => {
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
    `${LATEST}/`,
    `${DATES}/${DATE}`,
    KPIS,
    `${KPIS}/`,
    `${KPIS}/a/b`,
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

  test("each request has its own id, or the id from Cloudflare", async () => {
    const ids = [await get(harness, DAYS + "?limit=0", token), await get(harness, "/", token)];
    assert.notEqual(ids[0].body.request_id, ids[1].body.request_id);
    const traced = await get(harness, "/", { ...token, "cf-ray": "8f1e-HAM" });
    assert.equal(traced.body.request_id, "8f1e-HAM");
  });
});

describe("bodies", () => {
  test("bytes that are not UTF-8 are rejected", async () => {
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

  test("a text of several megabytes never crashes the Worker", async () => {
    const digits = "1".repeat(2_500_000);
    for (const text of [
      digits,
      "1,".repeat(3_900_000) + "1",
      "0".repeat(2_500_000),
      `${digits}x`,
    ]) {
      const at = (rows, overlay = {}) => post(harness, { date: DATE, rows, overlay }, token);
      isError(await at([{ kpi: "A", value: text }]), 413, "too_large");
      const { status } = await at([], { series: { A: [{ t: DATE, v: text }] } });
      assert.equal(status, text.startsWith("0") ? 200 : 400);
      const { status: ofId } = await at([], { assets: [{ trade_id: text, contract_name: "C" }] });
      assert.equal(ofId, text.startsWith("0") ? 200 : 400);
    }
  });

  test("a body over the limit is rejected, with and without a Content-Length", async () => {
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

describe("texts in errors", () => {
  const errorOf = async (body) => (await post(harness, body, token)).body.error;

  test("an invalid value is quoted, with control characters escaped, and truncated at 100 characters", async () => {
    const value = "\u001b[31m\n\u202e" + "x".repeat(1_000_000);
    const points = { A: [{ t: DATE, v: value }] };
    const { message } = await errorOf({ date: DATE, rows: [], overlay: { series: points } });
    assert.match(message, /"\\u001b\[31m\\n\\u202exxx/);
    assert.ok(message.length < 300, message);
  });

  test("a path keeps its end, which names the field", async () => {
    const series = { ["K\n😀".repeat(300_000)]: [{ t: DATE, v: "x" }] };
    const { message, field } = await errorOf({ date: DATE, rows: [], overlay: { series } });
    assert.match(field, /^overlay\.series\.K\\n.*…[^\n]*\[0\]\.v$/);
    assert.ok(field.length < 500 && field.isWellFormed?.() !== false);
    assert.ok(message.startsWith(field) && message.length < 700);
  });

  test("the limits of values and paths count escaped characters", async () => {
    const hidden = "\u202e".repeat(300);
    const at = (kpi, v) => ({
      date: DATE,
      rows: [],
      overlay: { series: { [kpi]: [{ t: DATE, v }] } },
    });
    const { message, field } = await errorOf(at(hidden, hidden));
    assert.match(
      field,
      /^overlay\.series(\.|\\u202e)*…(\\u202e)*\[0\]\.v$/,
      "no escape is truncated",
    );
    assert.ok(field.length <= 301 && field.length > 280, field);
    const quoted = message.slice(field.length);
    assert.match(quoted, /^ must be a number, not "(\\u202e)+…"$/);
    assert.ok(quoted.length < 130, quoted);
    const short = "\u202e".repeat(40);
    assert.ok((await errorOf(at(short, "x"))).field.length <= 301);
  });

  test("a text of exactly 100 characters is not truncated", async () => {
    for (const [length, expected] of [
      [100, "x".repeat(100)],
      [101, "x".repeat(100) + "…"],
    ]) {
      const points = { A: [{ t: DATE, v: "x".repeat(length) }] };
      const { message } = await errorOf({ date: DATE, rows: [], overlay: { series: points } });
      assert.ok(message.endsWith(`"${expected}"`), message);
    }
  });

  test("a body that is not JSON is quoted on one line and truncated", async () => {
    const { message } = await errorOf(`{"a": \u001b[31m\n\t${"x".repeat(10_000)}`);
    assert.doesNotMatch(message, /[\p{Cc}]/u);
    assert.ok(message.length < 250, message);
  });

  test("a path that does not exist is truncated", async () => {
    const { body } = await get(harness, "/" + "x".repeat(10_000), token);
    assert.ok(body.error.message.length < 200);
  });
});

async function harnessFor(t, options) {
  const { startHarness } = await import("../harness/start.mjs");
  const started = await startHarness(options);
  t.after(() => started.stop());
  return started;
}
