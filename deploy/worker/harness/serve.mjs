// Runs the harness as a program. It prints one JSON line with the addresses, and ends on SIGTERM, on SIGINT, or
// when its standard input is closed, so it ends together with the test that started it.
//
// The harness runs in a child process, because workerd would outlive a process that is killed with SIGKILL. The
// child's standard input is closed however this process ends.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const USAGE = `usage: node harness/serve.mjs [--internal-token T] [--read-token T] [--signing-secret S]
         [--persist DIR] [--no-migrations] [--worker-port N] [--d1-port N]`;
const values = readOptions();

if (values.child) await serve();
else supervise();

/** Reads the options. On an error it ends the program with the usage. */
function readOptions() {
  try {
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
    const [workerPort, d1Port] = ["worker-port", "d1-port"].map((name) => readPort(values, name));
    return { ...values, workerPort, d1Port };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

function readPort(values, name) {
  const text = values[name];
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`--${name} must be a port from 0 (any free one) to 65535, not "${text}"`);
}

function supervise() {
  const args = [fileURLToPath(import.meta.url), "--child", ...process.argv.slice(2)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "inherit", "inherit"] });
  child.on("exit", (code) => process.exit(code ?? 1));
  child.stdin.on("error", () => {}); // the child has ended; the handler of "exit" handles it

  const end = () => child.stdin.end();
  process.stdin.resume().once("end", end);
  process.once("SIGTERM", end).once("SIGINT", end);
}

async function serve() {
  const { startHarness } = await import("./start.mjs"); // slow to load, and not needed by the supervisor
  const { stop, ...addresses } = await startHarness({
    internalToken: values["internal-token"],
    readToken: values["read-token"],
    signingSecret: values["signing-secret"],
    persist: values.persist,
    migrations: !values["no-migrations"],
    workerPort: values.workerPort,
    d1Port: values.d1Port,
  });
  console.log(JSON.stringify(addresses));
  process.stdin.resume().once("end", () => stop().finally(() => process.exit(0)));
}
