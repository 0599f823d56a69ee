#!/usr/bin/env python3
"""Runs trigger-api within a memory limit while hostile clients try to exhaust it, beside five callers that are legitimate.

usage: soak.py PROGRAM [--seconds 600] [--memory 64Mi] [--only heads,idle]

PROGRAM is a trigger-api with EXECUTOR=local. The limit is a control group's, for which the script needs root; without it,
only the limit of the program's own budget applies, and the peak is still reported. The exit code is 1 if the program ended,
exceeded the limit, failed a probe, or if the 99th percentile of the legitimate requests is 250 ms or more.

The hostile clients, each in a process of its own and all at once:
  heads       2,700 connections with 15 KB of an unfinished head
  idle        4,100 connections that send nothing
  trickle     100 connections that read /openapi.json a byte at a time
  lists       40 connections that request 500 runs and read nothing, with a credential
  events      1,300 connections that resume /v1/events from the start and read nothing, with a credential
  waits       515 requests that wait for a run, with a credential
  guesses     10 connections that send wrong credentials as fast as possible
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOKEN = "soak-internal-token-000000000001"
JWT_SECRET = "soak-jwt-secret-0000000000000000000000000001"
CGROUPS = Path("/sys/fs/cgroup")
P99_LIMIT_MS = 250
CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: %(name)s}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: %(name)s}]
"""
# What the CronJobs run.
PROGRAMS = {"short": ["/bin/true"], "long": ["/bin/sleep", "86400"]}


def token(subject):
    """A JWT of this caller (HS256)."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    text = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"sub": subject, "exp": int(time.time()) + 86400})
    mac = hmac.new(JWT_SECRET.encode(), text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def request(method, path, headers=(), body=""):
    lines = [f"{method} {path} HTTP/1.1", "Host: soak", *headers]
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Hostile:
    """Keeps a number of connections open from one address, and opens closed ones again."""

    def __init__(self, port, source, connections, send, trickle=False):
        self.port, self.source, self.connections = port, source, connections
        self.send, self.trickle = send, trickle

    async def connection(self):
        while True:
            sock = socket.socket()
            sock.setblocking(False)
            # A small buffer, so that unread bytes stay in the program.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                sock.bind((self.source, 0))
                loop = asyncio.get_running_loop()
                await loop.sock_connect(sock, ("127.0.0.1", self.port))
                if self.send:
                    await loop.sock_sendall(sock, self.send)
                await self.hold(loop, sock)
            except OSError:
                pass
            finally:
                sock.close()
            await asyncio.sleep(random.uniform(0.5, 2))

    async def hold(self, loop, sock):
        """Returns when the connection is closed."""
        while True:
            await asyncio.sleep(1)
            if self.trickle:
                if not await loop.sock_recv(sock, 1):
                    return
                continue
            # Whether the other side closed the connection, without reading from it.
            state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if state != 1:
                return

    async def run(self):
        await asyncio.gather(*(self.connection() for _ in range(self.connections)))


async def guesses(port, source):
    async def guess():
        number = 0
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
                while True:
                    number += 1
                    writer.write(request("GET", "/v1/runs", [f"X-Internal-Token: wrong-{number}"]))
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.5)

    await asyncio.gather(*(guess() for _ in range(10)))


def hostile_clients(port):
    credential = f"X-Internal-Token: {TOKEN}"
    head = b"GET / HTTP/1.1\r\nHost: soak\r\nX-Long: " + b"x" * 15_000
    lists = request("GET", "/v1/runs?limit=500", [credential])
    events = request("GET", "/v1/events", [credential, "Last-Event-ID: 1"])
    waits = request("POST", "/v1/targets/long/runs", [credential, "Prefer: wait=60", 'Idempotency-Key: "soak-wait"'], "{}")
    clients = {
        "heads": Hostile(port, "127.0.1.1", 2_700, head),
        "idle": Hostile(port, "127.0.1.2", 4_100, b""),
        "trickle": Hostile(port, "127.0.1.3", 100, request("GET", "/openapi.json"), trickle=True),
        "lists": Hostile(port, "127.0.1.4", 40, lists),
        "events": Hostile(port, "127.0.1.5", 1_300, events),
        "waits": Hostile(port, "127.0.1.6", 515, waits),
    }
    runs = {name: client.run for name, client in clients.items()}
    runs["guesses"] = lambda: guesses(port, "127.0.1.7")
    return runs


def in_process(run):
    # The parent ends the process, and an interrupt of the terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(run())


async def exchange(port, source, message):
    """The status of a response on a connection of its own, and the milliseconds until it is complete."""
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(message)
        status = int((await reader.readline()).split()[1])
        await reader.read()
        return status, (time.perf_counter() - started) * 1000
    finally:
        writer.close()


async def legitimate(port, seconds):
    """The milliseconds of each request of five callers and a probe, and what failed."""
    times, failures = [], []
    end = time.monotonic() + seconds

    async def caller(number, path, headers):
        message = request("GET", path, ["Connection: close", *headers])
        while time.monotonic() < end:
            try:
                status, milliseconds = await asyncio.wait_for(exchange(port, f"127.0.2.{number}", message), 10)
                times.append(milliseconds)
                if status != 200:
                    failures.append(f"{path}: {status}")
            except (OSError, asyncio.TimeoutError, IndexError) as error:
                failures.append(f"{path}: {error!r}")
            await asyncio.sleep(0.2)

    paths = ["/v1/runs?limit=10", "/v1/targets", "/v1/targets/short", "/v1/runs?limit=10", "/v1/targets"]
    callers = [caller(n, path, [f"Authorization: Bearer {token(f'caller-{n}')}"]) for n, path in enumerate(paths, 1)]
    await asyncio.gather(*callers, caller(9, "/healthz", []))
    return times, failures


class Group:
    """A control group with a memory limit, of the version that this machine has; none without root."""

    def __init__(self, limit):
        self.folder = None
        one, two = CGROUPS / "memory", CGROUPS
        version_1 = one.is_dir()
        folder = (one if version_1 else two) / f"tradeops-soak-{os.getpid()}"
        self.limit_file = "memory.limit_in_bytes" if version_1 else "memory.max"
        self.peak_file = "memory.max_usage_in_bytes" if version_1 else "memory.peak"
        try:
            folder.mkdir()
            self.folder = folder
            (folder / self.limit_file).write_text(str(limit))
            if not version_1:
                (folder / "memory.swap.max").write_text("0")
        except OSError as error:
            print(f"no control group ({error}): the memory is only measured", file=sys.stderr)
            self.remove()

    def enter(self):
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def peak(self):
        return int((self.folder / self.peak_file).read_text()) if self.folder else None

    def remove(self):
        if self.folder:
            self.folder.rmdir()
            self.folder = None


def bytes_of(size):
    units = {"Ki": 10, "Mi": 20, "Gi": 30}
    return int(size[:-2]) << units[size[-2:]] if size[-2:] in units else int(size)


def settings(folder):
    (folder / "cronjobs.yaml").write_text("---".join(CRONJOB % {"name": name} for name in PROGRAMS))
    config = folder / "trigger-api.json"
    config.write_text(json.dumps({
        "executor": "local",
        "targets": [{"name": name, "cronjob": name} for name in PROGRAMS],
        "default_target": "short",
        "database_url": f"sqlite:{folder}/trigger-api.sqlite",
        "internal_token": TOKEN,
        "jwt_secret": JWT_SECRET,
        "local": {"manifests": f"{folder}/cronjobs.yaml", "programs": PROGRAMS},
    }))
    return config


def status_of(process, name):
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(f"{name}:"))


async def fill_history(port):
    """Some hundred runs with long reasons, so that lists and replayed events are long."""
    credential = f"Authorization: Bearer {token('history')}"
    for number in range(300):
        body = json.dumps({"reason": f"{number} " + "r" * 480})
        post = request("POST", "/v1/targets/short/runs", ["Connection: close", credential], body)
        status, _ = await exchange(port, "127.0.2.20", post)
        if status not in (200, 202):
            sys.exit(f"a run was not started: {status}")


async def wait_until_ready(port, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, _ = await exchange(port, "127.0.2.9", request("GET", "/readyz", ["Connection: close"]))
            if status == 200:
                return
        except OSError:
            pass
        await asyncio.sleep(0.1)
    sys.exit("trigger-api is not ready")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--memory", default="64Mi")
    parser.add_argument("--only", help="the names of some hostile clients, separated by commas")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder, limit = Path(name), bytes_of(arguments.memory)
        group = Group(limit)
        environment = {"CONFIG_FILE": str(settings(folder)), "LISTEN_ADDR": f"127.0.0.1:{port}",
                       "RATE_LIMIT": "1000", "MEMORY_LIMIT": arguments.memory}
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen([arguments.program], env=environment, stderr=log, preexec_fn=group.enter)
        clients = []
        try:
            asyncio.run(wait_until_ready(port, process))
            asyncio.run(fill_history(port))
            print(f"idle, with 300 runs: {status_of(process, 'VmRSS')} MiB")
            quiet, _ = asyncio.run(legitimate(port, min(10, arguments.seconds)))
            hostile = hostile_clients(port)
            for name in arguments.only.split(",") if arguments.only else hostile:
                run = hostile[name]
                client = multiprocessing.get_context("fork").Process(target=in_process, args=(run,))
                client.start()
                clients.append(client)
            times, failures = asyncio.run(legitimate(port, arguments.seconds))
            alive = process.poll() is None
            report(arguments, group, process, alive, quiet, times, failures, (folder / "log"))
        finally:
            for client in clients:
                client.kill()
            # Ended orderly, it ends its runs.
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            group.remove()


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] if times else float("inf")


def report(arguments, group, process, alive, quiet, times, failures, log):
    peak = status_of(process, "VmHWM") if alive else None
    of_group = group.peak()
    print(f"legitimate requests without hostile clients: median {percentile(quiet, 0.5):.1f} ms, p99 {percentile(quiet, 0.99):.1f} ms")
    print(f"with all hostile clients, {arguments.seconds} s: {len(times)} requests, median {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, {len(failures)} failed")
    print(f"memory: peak {peak} MiB" + (f", {of_group / 2**20:.0f} MiB with the kernel's, of {arguments.memory}" if of_group else ""))
    print(f"log: {log.stat().st_size / 1024:.0f} KiB")
    for failure in sorted(set(failures))[:10]:
        print(f"failed {failures.count(failure)} times: {failure}")
    if not alive:
        print(f"trigger-api ended with {process.returncode}:\n{log.read_text()[-2000:]}")
    if not alive or failures or percentile(times, 0.99) >= P99_LIMIT_MS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
