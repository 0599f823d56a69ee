import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { get, post, sampleDay, storedDay } from "./support.mjs";

const program = fileURLToPath(new URL("../harness/serve.mjs", import.meta.url));

async function serve(t, ...args) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const lines = [];
  const output = createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  await Promise.race([once(output, "line"), exited]);
  return { child, exited, output, lines, addresses: JSON.parse(lines[0]) };
}

test("it prints one line, serves requests, and ends when its standard input is closed", async (t) => {
  const { child, exited, lines, addresses } = await serve(
    t,
    "--internal-token",
    "tok",
    "--read-token",
    "read",
  );
  assert.deepEqual(Object.keys(addresses), [
    "worker",
    "d1_api",
    "account_id",
    "database_id",
    "api_token",
    "internal_token",
    "read_token",
  ]);
  assert.match(addresses.worker, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(addresses.d1_api, /^http:\/\/127\.0\.0\.1:\d+\/client\/v4$/);
  assert.deepEqual([addresses.internal_token, addresses.read_token], ["tok", "read"]);
  assert.equal((await post(addresses, sampleDay("2026-02-11"))).status, 200);
  const headers = { "X-Read-Token": "read" };
  assert.equal((await fetch(`${addresses.worker}/v1/trades/latest`, { headers })).status, 200);

  child.stdin.end();
  assert.deepEqual(await exited, [0, null]);
  assert.equal(lines.length, 1);
  await assert.rejects(fetch(addresses.worker), "the Worker has ended too");
});

test("it ends on SIGTERM, and the next start finds the persisted database", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "harness-"));
  t.after(() => rm(folder, { recursive: true }));
  const first = await serve(t, "--persist", folder);
  await post(first.addresses, sampleDay("2026-02-11"));
  const before = await storedDay(first.addresses, "2026-02-11");
  first.child.kill("SIGTERM");
  assert.deepEqual(await first.exited, [0, null]);
  await assert.rejects(fetch(first.addresses.worker), "the Worker has ended too");

  const second = await serve(t, "--persist", folder, "--signing-secret", "s");
  assert.deepEqual(await storedDay(second.addresses, "2026-02-11"), before);
  assert.equal((await post(second.addresses, sampleDay("2026-02-12"))).status, 403);
  assert.equal((await get(second.addresses, "/v1/trades/snapshots")).body.days.length, 1);
  second.child.stdin.end();
  assert.deepEqual(await second.exited, [0, null]);
});

test("after SIGKILL, no Worker keeps running", async (t) => {
  const { child, exited, output, addresses } = await serve(t);
  const closed = once(output, "close"); // when the child, which has the same standard output, has ended too
  child.kill("SIGKILL");
  assert.deepEqual(await exited, [null, "SIGKILL"]);
  await closed;
  await assert.rejects(fetch(addresses.worker), "the Worker has ended too");
});

for (const [args, error] of [
  [["--tokens", "x"], /--tokens/],
  [
    ["--worker-port", "abc"],
    /^--worker-port must be a port from 0 \(any free one\) to 65535, not "abc"$/m,
  ],
  [["--d1-port", "65536"], /^--d1-port must be a port/m],
  [["--d1-port", ""], /^--d1-port must be a port/m],
]) {
  test(`invalid options end it with the usage and leave no files: ${args.join(" ")}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "harness-"));
    t.after(() => rm(folder, { recursive: true }));
    const env = { ...process.env, TMPDIR: folder };
    const child = spawn(process.execPath, [program, ...args], { env });
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    const [code] = await once(child, "close");
    assert.equal(code, 2);
    assert.match(errors, error);
    assert.match(errors, /^usage: node harness\/serve\.mjs/m);
    assert.doesNotMatch(errors, /^ +at /m, "no stack trace");
    assert.deepEqual(await readdir(folder), []);
  });
}
