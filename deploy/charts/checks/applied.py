#!/usr/bin/env python3
"""Prints the objects of a List, from standard input as JSON, without the fields that the API server or Helm sets."""

import json
import sys

METADATA = ("annotations", "creationTimestamp", "generation", "managedFields", "namespace", "resourceVersion", "uid")

for thing in json.load(sys.stdin)["items"]:
    thing.pop("status", None)
    for name in METADATA:
        thing["metadata"].pop(name, None)
    for name in ("clusterIP", "clusterIPs"):
        thing.get("spec", {}).pop(name, None)
    print(json.dumps(thing, indent=1, sort_keys=True))
