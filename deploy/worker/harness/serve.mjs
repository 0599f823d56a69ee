// Runs the harness as a program. Standard output gets one JSON line with the addresses. It ends when
// standard input ends, so that it dies with the test that started it, or on SIGTERM or SIGINT.
//
// workerd would outlive a parent that is killed outright. So the harness runs in a child of this
// process, and that child's standard input ends however this process does.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    "internal-token": { type: "string" },
    "read-token": { type: "string" },
    "signing-secret": { type: "string" },
    persist: { type: "string" },
    "no-migrations": { type: "boolean", default: false },
    "worker-port": { type: "string", default: "0" },
    "d1-port": { type: "string", default: "0" },
    child: { type: "boolean", default: false },
  },
});

if (values.child) await serve();
else supervise();

function supervise() {
  const args = [fileURLToPath(import.meta.url), "--child", ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] });
  child.on("exit", (code) => process.exit(code ?? 1));
  child.stdin.on("error", () => {}); // the child ended first, and its exit is what counts

  const end = () => child.stdin.end();
  process.stdin.resume().once("end", end);
  process.once("SIGTERM", end).once("SIGINT", end);
}

async function serve() {
  const { startHarness } = await import("./start.mjs"); // heavy, and of no use to the supervisor
  const { stop, ...addresses } = await startHarness({
    internalToken: values["internal-token"],
    readToken: values["read-token"],
    signingSecret: values["signing-secret"],
    persist: values.persist,
    migrations: !values["no-migrations"],
    workerPort: Number(values["worker-port"]),
    d1Port: Number(values["d1-port"]),
  });
  console.log(JSON.stringify(addresses));
  process.stdin.resume().once("end", () => stop().finally(() => process.exit(0)));
}
