#!/usr/bin/env python3
"""Prints the document of monitor-api's GET /api/registry, from standard input, as text."""

import json
import sys


def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def age(seconds):
    for limit, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= limit:
            return f"{int(seconds // limit)}{unit}"
    return f"{seconds:.0f}s"


def print_connection(connection):
    since = f" since {connection['unavailable_since']}" if connection["unavailable_since"] else ""
    print(f"NATS at {connection['nats_url']}: {connection['state']}{since}; definitions: {connection['definitions_state']}")
    print(f"  {connection['reconnects']} reconnects, {connection['resyncs']} resyncs, {connection['lag']} messages behind")


def print_bucket(bucket):
    if not bucket:
        print("the settings of the bucket are unknown")
        return
    expiry = f"{bucket['max_age_seconds']:g} s" if bucket["max_age_seconds"] else "never"
    print(
        f"bucket {bucket['name']}: values expire after {expiry}, history {bucket['history']}, replicas {bucket['replicas']},"
        f" {bucket['messages']} messages, {bucket['bytes']} bytes, revision {bucket['last_revision']}"
    )


def print_instances(counts, instances):
    print(
        f"\ninstances: {counts['total']} of {counts['services']} services; {counts['active']} active, {counts['standby']} standby,"
        f" {counts['unhealthy']} unhealthy, {counts['shutdown']} shutting down; hidden because stale: {counts['stale']}"
    )
    rows = [("SERVICE", "INSTANCE", "STATUS", "VERSION", "HEARTBEAT", "CLOCK")]
    for one in instances:
        status = one["status"] + (" (stale)" if one["stale"] else "")
        row = (one["service_name"], one["instance_id"], status, one["version"])
        rows.append((*row, f"{age(one['age_seconds'])} ago", f"{one['clock_skew_seconds']:+.1f}s"))
    if instances:
        table(rows)


def print_definitions(definitions):
    print(f"\ndefinitions: {len(definitions)}")
    rows = [("SERVICE", "OWNER", "VERSION", "UPDATED", "REVISION")]
    for one in definitions:
        rows.append((one["service_name"], one["owner"], one["version"], one["updated_at"], str(one["revision"])))
    if definitions:
        table(rows)


def print_unreadable(counts, entries):
    if counts["unreadable"]:
        print(f"\nentries that can't be read: {counts['unreadable']}")
        table([("KEY", "REVISION", "PROBLEM")] + [(one["key"], str(one["revision"]), one["problem"]) for one in entries])


def main():
    try:
        document = json.load(sys.stdin)
    except json.JSONDecodeError:
        sys.exit("show_registry.py: the input is not JSON")
    print_connection(document["connection"])
    print_bucket(document["bucket"])
    print_instances(document["counts"], document["instances"])
    print_definitions(document["definitions"])
    print_unreadable(document["counts"], document["unreadable"])


main()
