#!/usr/bin/env python3
"""Prints a JSON document of trigger-api or Helm, from standard input, as text: show_runs.py KIND."""

import json
import sys


def moment(text):
    return text[:19].replace("T", " ") if text else "-"


def cause(run):
    return f": {run['cause']['message']}" if run.get("cause") else ""


def runs(page):
    if not page["runs"]:
        print("no runs yet")
        return
    rows = [("RUN", "TARGET", "STATE", "STARTED BY", "CREATED", "ENDED")]
    for run in page["runs"]:
        by = run["requested_by"] or run["trigger"]
        rows.append((run["run_id"], run["target"], run["state"], by, moment(run["created_at"]), moment(run["finished_at"])))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def started(run):
    name = run.get("job_name") or run["run_id"]
    print(f"started: {name}, run {run['run_id']}, {run['state']}")


def ended(run):
    print(f"-- {run['state']}{cause(run)}")
    sys.exit(0 if run["state"] in ("pending", "running", "succeeded") else 1)


def analysis(status):
    print(f"{status['run_id']}: {status['status']}" + (f": {status['error']}" if status["error"] else ""))
    if status["result"] is None:
        sys.exit(1)
    for name, value in status["result"]["total"].items():
        if not isinstance(value, (dict, list)):
            print(f"  {name:32} {'-' if value is None else value}")
    print(f"the complete result: GET {status['links'].get('self', '/api/admin/portfolio/analysis-status/' + status['run_id'])}")


def release(status):
    info = status["info"]
    config = status.get("config", {})
    tag = config.get("image", {}).get("tag", "unknown")
    if tag_of_api := config.get("monitorApi", {}).get("tag"):
        tag += f", monitor-api of {tag_of_api}"
    print(f"{status['name']} in {status['namespace']}: revision {status['version']}, {info['status']} {moment(info['last_deployed'])}, images of {tag}\n")


def targets(values):
    for target in values["triggerApi"]["targets"]:
        if "cronjob" in target:
            print(target["cronjob"])


def problem(document):
    print(f"trigger-api: {document.get('detail') or document.get('title')} ({document.get('type', '').rsplit('/', 1)[-1]})")


KINDS = {
    "runs": runs,
    "started": started,
    "ended": ended,
    "analysis": analysis,
    "release": release,
    "targets": targets,
    "problem": problem,
    "id": lambda run: print(run["run_id"]),
}

try:
    document = json.load(sys.stdin)
except json.JSONDecodeError:
    sys.exit("show_runs.py: the input is not JSON")
KINDS[sys.argv[1]](document)
