#!/usr/bin/env python3
"""Lists what Kubernetes objects contain. Reads the objects as JSON, one after the other, from standard input.

    objects.py kinds              the kinds
    objects.py images             the images of the containers
    objects.py secrets            the keys of Secrets that pods use, as "SECRET KEY", without Secrets among the objects
    objects.py own-secrets        the same without Secrets that an ExternalSecret creates
"""

import json
import sys


def read_objects(text):
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        item, end = decoder.raw_decode(text)
        yield from item.get("items", [item])
        text = text[end:]


def pods(item):
    """The specs of pods in an object: those that have containers."""
    if isinstance(item, dict):
        if "containers" in item:
            yield item
        for value in item.values():
            yield from pods(value)
    elif isinstance(item, list):
        for value in item:
            yield from pods(value)


def containers(pod):
    return pod["containers"] + pod.get("initContainers", [])


def secrets(pod):
    for container in containers(pod):
        for variable in container.get("env", []):
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield f"{reference['name']} {reference['key']}"
    for volume in pod.get("volumes", []):
        secret = volume.get("secret", {})
        for item in secret.get("items", []):
            yield f"{secret['secretName']} {item['key']}"


def contained(item):
    """The name of an object that is a Secret."""
    return item["metadata"]["name"] if item["kind"] == "Secret" else None


def created(item):
    """The name of the Secret that an ExternalSecret creates."""
    return item["spec"]["target"]["name"] if item["kind"] == "ExternalSecret" else None


def needed_secrets(all_pods, given):
    return {line for pod in all_pods for line in secrets(pod) if line.split()[0] not in given}


def main(what):
    objects = list(read_objects(sys.stdin.read()))
    all_pods = list(pods(objects))
    match what:
        case "kinds":
            lines = {item["kind"] for item in objects}
        case "images":
            lines = {container["image"] for pod in all_pods for container in containers(pod)}
        case "secrets":
            lines = needed_secrets(all_pods, {contained(item) for item in objects})
        case "own-secrets":
            lines = needed_secrets(all_pods, {name(item) for item in objects for name in (contained, created)})
        case unknown:
            sys.exit(f"objects.py: unknown list {unknown}")
    for line in sorted(lines):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1])
