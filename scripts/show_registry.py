#!/usr/bin/env python3
"""Prints the registry of the stack's services as tables, from standard input:

    show_registry.py report        a document of monitor-api, GET /api/registry
    show_registry.py buckets       what scripts/registry.sh reads from NATS itself
    show_registry.py bucket-name   the name of the registry's bucket, from the values of a release
"""

import json
import re
import sys
from datetime import datetime, timezone
from signal import SIG_DFL, SIGPIPE, signal

INSTANCE = "service-instances__"
DEFINITIONS = "service_definitions"
# The header of `nats sub --stream`: the rest of the text up to the next header is the message.
MESSAGE = re.compile(r"^\[#\d+\] Received JetStream message: .*? / subject: \$KV\.[^.]+\.(.*) / time: .*$", re.MULTILINE)
REMOVED = re.compile(r"^(KV-Operation: (DEL|PURGE)|Nats-Marker-Reason: .*)$", re.MULTILINE)


def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def duration(seconds):
    if seconds is None:
        return "-"
    sign, seconds = "-" if seconds < 0 else "", abs(seconds)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{sign}{seconds / size:.0f}{unit}"
    return f"{sign}{seconds:.0f}s" if seconds >= 10 or seconds == 0 else f"{sign}{seconds:.1f}s"


def size(count):
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def amount(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def day(text):
    return text[:19].replace("T", " ") if text else "-"


def show(document):
    """Prints a document with the fields of GET /api/registry."""
    bucket = document["bucket"]
    if bucket:
        age = duration(bucket["max_age_seconds"]) if bucket["max_age_seconds"] else "never"
        print(
            f"bucket {bucket['name']}: entries expire after {age}, history {bucket['history']}, {amount(bucket['replicas'], 'replica')}, "
            f"{amount(bucket['messages'], 'message')}, {size(bucket['bytes'])}, revision {bucket['last_revision']}"
        )
    else:
        print("the bucket of the registry does not exist, or was not read yet")
    print()
    show_instances(document["instances"])
    show_definitions(document["definitions"])
    if document["unreadable"]:
        print("\nEntries that can't be read:")
        for entry in document["unreadable"]:
            print(f"  {entry['key']}: {entry['problem']}")
    if failure := document.get("copy_failure"):
        print(f"\n{amount(failure['definitions'], 'definition')} not copied since {day(failure['since'])}: {failure['problem']}")


def show_instances(instances):
    if not instances:
        print("no instances")
        return
    rows = [("SERVICE", "INSTANCE", "VERSION", "STATUS", "AGE", "CLOCK SKEW", "")]
    for one in instances:
        stale = "stale" if one["stale"] else ""
        age, skew = duration(one["age_seconds"]), duration(one["clock_skew_seconds"])
        rows.append((one["service_name"], one["instance_id"], one["version"], one["status"], age, skew, stale))
    table(rows)
    fresh = [one for one in instances if not one["stale"]]
    words = sorted({one["status"] for one in fresh})
    statuses = ", ".join(f"{sum(one['status'] == word for one in fresh)} {word}" for word in words)
    services = amount(len({one["service_name"] for one in instances}), "service")
    print(f"\n{services}, {amount(len(instances), 'instance')}: {statuses or 'none'}, {len(instances) - len(fresh)} stale")


def show_definitions(definitions):
    if not definitions:
        print("\nno definitions")
        return
    print()
    rows = [("DEFINITION", "OWNER", "VERSION", "UPDATED")]
    rows += [(one["service_name"], one["owner"], one["version"], day(one["updated_at"])) for one in definitions]
    table(rows)


def report(text):
    document = json.loads(text)
    connection = document["connection"]
    state = connection["state"].replace("_", " ")
    if connection["unavailable_since"]:
        state += f" since {day(connection['unavailable_since'])}; this is the last known state"
    print(
        f"{connection['nats_url']}: {state}. {amount(connection['reconnects'], 'reconnect')}, "
        f"{amount(connection['resyncs'], 'resync')}, {connection['lag']} waiting changes"
    )
    for problem in connection.get("problems", []):
        print(problem)
    show(document)


def field(entry, *names):
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def heartbeat(value):
    """The moment of a heartbeat: ISO 8601, UTC by default, or a Unix number."""
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, timezone.utc)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def instance(entry, now):
    age = (now - heartbeat(field(entry, "lastHeartbeat", "last_heartbeat"))).total_seconds()
    return {
        "service_name": str(entry.get("serviceName") or entry["service_name"]),
        "instance_id": str(entry.get("instanceId") or entry["instance_id"]),
        "version": str(field(entry, "version") or "0.0.0"),
        "status": str(field(entry, "status") or "UNHEALTHY"),
        "age_seconds": max(age, 0),
        # Unknown: `nats sub` prints no time zone.
        "clock_skew_seconds": None,
        # The default of monitor-api.
        "stale": age > 35,
    }


def definition(entry):
    return {name: str(entry[name]) for name in ("service_name", "owner", "version", "updated_at")}


def messages(text):
    """The newest message of each key, except markers of deletions."""
    headers = list(MESSAGE.finditer(text))
    newest = {}
    for header, following in zip(headers, headers[1:] + [None]):
        newest[header[1]] = text[header.end() : following and following.start()].strip()
    return [(key, value) for key, value in newest.items() if not REMOVED.search(value.partition("\n\n")[0])]


def parsed(value):
    # Headers, if a message has them, precede an empty line.
    for candidate in (value, value.partition("\n\n")[2]):
        try:
            entry = json.loads(candidate)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            return entry
    raise ValueError("not a JSON object")


def bucket_info(info):
    config, state = info["config"], info["state"]
    return {
        "name": config["name"].removeprefix("KV_"),
        "max_age_seconds": config["max_age"] / 1e9,
        "history": config["max_msgs_per_subject"],
        "replicas": config["num_replicas"],
        "bytes": state["bytes"],
        "messages": state["messages"],
        "last_revision": state["last_seq"],
    }


def buckets(text):
    registry, instances, definitions, unreadable, failed = None, [], {}, [], False
    now = datetime.now(timezone.utc)
    # An odd number of parts: what precedes the first line of a bucket, and then the kind and the text of each bucket.
    parts = re.split(r"^@(information|error) ", text, flags=re.MULTILINE)
    for kind, part in zip(parts[1::2], parts[2::2]):
        line, _, entries = part.partition("\n")
        if kind == "error":
            name, _, error = line.partition(" ")
            missing = "could not pick a Stream" in error
            failed = failed or not missing
            print(f"the bucket {name} does not exist" if missing else f"the bucket {name} can't be read: {error}")
            continue
        info = bucket_info(json.loads(line))
        if info["name"] != DEFINITIONS:
            registry = info
        for key, value in messages(entries):
            try:
                if key.startswith(INSTANCE):
                    instances.append(instance(parsed(value), now))
                else:
                    definitions[key] = definition(parsed(value))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                unreadable.append({"key": key, "problem": f"{type(error).__name__}: {error}"})
    if failed:
        sys.exit(1)
    instances.sort(key=lambda one: (one["service_name"], one["instance_id"]))
    ordered = [definitions[key] for key in sorted(definitions)]
    show({"bucket": registry, "instances": instances, "definitions": ordered, "unreadable": unreadable})


def bucket_name(text):
    values = json.loads(text) or {}
    print(values.get("monitorApi", {}).get("kvBucket", "service_registry"))


# `just registry-status | head` ends without an error.
signal(SIGPIPE, SIG_DFL)
{"report": report, "buckets": buckets, "bucket-name": bucket_name}[sys.argv[1]](sys.stdin.read())
