#!/usr/bin/env python3
"""Compares curl-trigger with Debian's curl: size, wall time, CPU time, peak memory, system calls.

Each round runs one POST with each program to the same server on the loopback interface, so that other load on the
machine affects all programs equally. Times are measured from just before the start of the process to its end. Peak
memory is VmHWM at the exit of the process, because ru_maxrss includes the memory of the parent.
"""

import argparse
import ctypes
import gzip
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RESPONSE = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{"run_id":"run_0001"}'
PTRACE_TRACEME, PTRACE_CONT, PTRACE_SETOPTIONS, PTRACE_O_TRACEEXIT = 0, 7, 0x4200, 0x40
PTRACE_EVENT_EXIT = 6
libc = ctypes.CDLL(None, use_errno=True)


def serve(listener):
    while True:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(RESPONSE)
        connection.close()


def run(command, null):
    """Return the wall and CPU time of one run, in microseconds."""
    actions = [(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    started = time.perf_counter_ns()
    pid = os.posix_spawn(command[0], command, {}, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter_ns() - started) / 1000
    if status != 0:
        sys.exit(f"bench-curl-trigger: {command[0]} ended with status {status}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1e6


def peak_memory(command, null):
    """Return VmHWM at exit, in KiB."""
    pid = os.fork()
    if pid == 0:
        os.dup2(null, 1)
        os.dup2(null, 2)
        libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.execve(command[0], command, {})
    os.waitpid(pid, 0)
    libc.ptrace(PTRACE_SETOPTIONS, pid, None, ctypes.c_void_p(PTRACE_O_TRACEEXIT))
    pending_signal, peak = 0, None
    while True:
        libc.ptrace(PTRACE_CONT, pid, None, ctypes.c_void_p(pending_signal))
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return peak
        pending_signal = 0
        if status >> 16 == PTRACE_EVENT_EXIT:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                peak = int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])
        elif os.WSTOPSIG(status) != signal.SIGTRAP:
            pending_signal = os.WSTOPSIG(status)


def system_calls(command):
    traced = subprocess.run(["strace", "-f", "-c", *command], capture_output=True, text=True, env={}, check=True)
    return int(re.search(r"^100\.00.*?(\d+)\s+(?:\d+\s+)?total$", traced.stderr, re.M)[1])


def size(path):
    with open(path, "rb") as file:
        content = file.read()
    return len(content), len(gzip.compress(content, compresslevel=9, mtime=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="number of rounds")
    options = parser.parse_args()
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    build = os.path.join(ROOT, "scripts/build-curl-trigger.sh")
    binaries = {}
    for flavor in ("plain", "tls"):
        binaries[flavor] = subprocess.check_output([build, flavor, target], text=True).strip()
        binary, compressed = size(binaries[flavor])
        print(f"{flavor:6} binary {binary / 1000:7.1f} KB, compressed {compressed / 1000:7.1f} KB")

    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = os.fork()
    if server == 0:
        serve(listener)
    try:
        measure(options.runs, binaries, f"http://127.0.0.1:{listener.getsockname()[1]}/trigger")
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


def measure(runs, binaries, url):
    arguments = ["-f", "-sS", "-X", "POST", url, "-H", "X-Admin-Secret: s3cret"]
    commands = {"curl": [shutil.which("curl"), *arguments]}
    commands.update({flavor: [path, *arguments] for flavor, path in binaries.items()})
    null = os.open(os.devnull, os.O_WRONLY)
    times = {name: [] for name in commands}
    for round_number in range(runs + 5):
        for name, command in commands.items():
            measured = run(command, null)
            if round_number >= 5:  # The first rounds fill the page cache.
                times[name].append(measured)
    rows = {}
    for name, command in commands.items():
        wall, cpu = (statistics.median(column) for column in zip(*times[name]))
        memory = statistics.median(peak_memory(command, null) for _ in range(15))
        rows[name] = (wall, cpu, memory, system_calls(command))
    print(f"\nmedians of {runs} paired runs, one POST each")
    print(f"{'':6} {'wall us':>10} {'CPU us':>10} {'memory KiB':>11} {'system calls':>13}")
    for name, row in rows.items():
        print(f"{name:6} {row[0]:10.0f} {row[1]:10.0f} {row[2]:11.0f} {row[3]:13.0f}")
    for name in binaries:
        ratios = (value / reference for value, reference in zip(rows[name], rows["curl"]))
        print("{:6} {:9.3f}x {:9.3f}x {:10.3f}x {:12.3f}x  of curl's".format(name, *ratios))


if __name__ == "__main__":
    main()
