#!/usr/bin/env python3
"""Checks each line of who-may-call.txt with cyclonus, which simulates NetworkPolicies.

    kubectl kustomize deploy/manifests/prod | kubectl create --dry-run=client -o json -f - | network_policies.py tradeops/who-may-call.txt

Prints one line for each line of the table: `ok` or `FAILED`.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def objects_in(text):
    """The objects of a List, or of several JSON documents in a row."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text.rstrip()):
        document, position = decoder.raw_decode(text, position)
        position += len(text[position:]) - len(text[position:].lstrip())
        yield from document["items"] if document["kind"] == "List" else [document]


def pod_of(workload):
    """A workload's pod, in the form of cyclonus."""
    spec = workload["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if workload["kind"] == "CronJob" else spec["template"]
    return peer(workload["metadata"]["namespace"], template["metadata"]["labels"])


def peer(namespace, labels):
    # Kubernetes sets this label on every namespace.
    own = {"kubernetes.io/metadata.name": namespace}
    return {"Internal": {"Namespace": namespace, "NamespaceLabels": own, "PodLabels": labels}, "IP": "10.244.0.1"}


def read_table(path, actors):
    questions = []
    for line in path.read_text().splitlines():
        match line.split("#")[0].split():
            case []:
                pass
            case ["pod", name, namespace, labels]:
                actors[name] = peer(namespace, dict(label.split("=") for label in labels.split(",")))
            case ["address", name, address]:
                actors[name] = {"IP": address}
            case [source, destination, port, ("yes" | "no") as expected]:
                number, _, protocol = port.partition("/")
                questions.append((source, destination, int(number), protocol or "TCP", expected))
            case _:
                sys.exit(f"{path}: {line}: expected a pod, an address or a question")
    return questions


def ask(policies, questions, actors):
    """`yes` or `no` for each question."""
    with tempfile.TemporaryDirectory() as folder:
        for number, policy in enumerate(policies):
            (Path(folder) / "policies").mkdir(exist_ok=True)
            (Path(folder) / "policies" / f"{number}.yaml").write_text(json.dumps(policy))
        traffic = [
            {"Source": actors[source], "Destination": actors[destination], "ResolvedPort": port, "Protocol": protocol}
            for source, destination, port, protocol, _ in questions
        ]
        (Path(folder) / "traffic.json").write_text(json.dumps(traffic))
        command = ["cyclonus", "analyze", "--mode", "query-traffic", "--verbosity", "error"]
        command += ["--policy-path", f"{folder}/policies", "--traffic-path", f"{folder}/traffic.json"]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answers = re.findall(r"IS ALLOWED\?\s*\|\s*(TRUE|FALSE)", output)
    if len(answers) != len(questions):
        sys.exit(f"cyclonus answered {len(answers)} of {len(questions)} questions:\n{output[-2000:]}")
    return ["yes" if answer == "TRUE" else "no" for answer in answers]


def main(table):
    everything = list(objects_in(sys.stdin.read()))
    policies = [thing for thing in everything if thing["kind"] == "NetworkPolicy"]
    workloads = [thing for thing in everything if thing["kind"] in ("Deployment", "StatefulSet", "CronJob", "Job")]
    actors = {}
    for workload in workloads:
        labels = workload["metadata"]["labels"]
        # Workloads with the same name differ in their component.
        actors[labels.get("app.kubernetes.io/component", labels["app.kubernetes.io/name"])] = pod_of(workload)
    questions = read_table(table, actors)
    for question, answer in zip(questions, ask(policies, questions, actors), strict=True):
        source, destination, port, protocol, expected = question
        verdict = "ok     " if answer == expected else "FAILED "
        print(f"{verdict} network: {source} to {destination}, {port}/{protocol}: {answer}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
