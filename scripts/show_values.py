#!/usr/bin/env python3
"""Prints settings of a release.

    show_values.py get NAME < VALUES         the setting with this name, such as image.tag, or an empty line
    show_values.py dropped VALUES DRY-RUN    the settings of the file VALUES (of helm get values) that the file DRY-RUN (of helm
                                             upgrade --dry-run) does not have, as NAME=VALUE
"""

import json
import sys

# The scripts set these.
IGNORED = {"image.tag", "image.registry", "monitorApi.tag"}


def flattened(values, prefix=""):
    for name, value in (values or {}).items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def read(path):
    with open(path) as file:
        return json.loads(file.read() or "{}")


def get(name):
    value = json.load(sys.stdin) or {}
    for part in name.split("."):
        value = value.get(part) or {}
    print(value or "")


def dropped(old_path, dry_run_path):
    new = dict(flattened(read(dry_run_path)["config"]))
    for name, value in flattened(read(old_path)):
        if name not in new and name not in IGNORED:
            print(f"  {name}={value if isinstance(value, str) else json.dumps(value)}")


{"get": get, "dropped": dropped}[sys.argv[1]](*sys.argv[2:])
