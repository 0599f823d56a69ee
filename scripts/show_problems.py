#!/usr/bin/env python3
"""Prints what a release waits for, each with what to do: what is stopped, workloads that lack pods, pods that are not ready, and
claims without a volume. Reads the objects and their events as JSON, one after the other, from standard input.

    show_problems.py NAMESPACE JUST      two lines for each problem; nothing if there is none. JUST is `just` with the variables that
                                         select the release
    show_problems.py --summary           one line
"""

import json
import sys

from objects import read_objects

STOPPED = "tradeops.dev/stopped"
DEPLOYING = 'docs/OPERATIONS.md, "Deploying"'
# What a container waits for, by the reason of Kubernetes. Other reasons are normal for some seconds.
ACTIONS = {
    "ImagePullBackOff": f"push the image, or correct image.registry and the tag: {DEPLOYING}",
    "ErrImagePull": f"push the image, or correct image.registry and the tag: {DEPLOYING}",
    "ErrImageNeverPull": f"correct image.registry: {DEPLOYING}",
    "InvalidImageName": f"correct image.registry: {DEPLOYING}",
    "CreateContainerConfigError": "create what the message names; JUST deploy prints the command for a Secret",
}


def newest_message(item, events, reasons):
    """The message of the object's newest event that has one of the reasons."""
    uid = item["metadata"]["uid"]
    own = [event for event in events if event["involvedObject"].get("uid") == uid and event["reason"] in reasons]
    own.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return own[-1]["message"] if own else ""


def condition(item, kind):
    return next((one for one in item.get("status", {}).get("conditions", []) if one["type"] == kind), {})


def stopped(item):
    """By `just stop`, which keeps the previous state in an annotation."""
    spec = item["spec"]
    is_down = spec.get("suspend") or spec.get("replicas") == 0
    annotated = STOPPED in item["metadata"].get("annotations", {})
    return ("is stopped", "", "JUST start") if is_down and annotated else None


def problem_of_workload(item, events):
    if problem := stopped(item):
        return problem
    wanted, existing = item["spec"].get("replicas", 1), item.get("status", {}).get("replicas", 0)
    if existing >= wanted:
        return None
    failure = condition(item, "ReplicaFailure")
    message = failure.get("message") or newest_message(item, events, ("FailedCreate",))
    return f"has {existing} of {wanted} pods", message, "describe"


def problem_of_claim(item, events):
    if item.get("status", {}).get("phase") != "Pending":
        return None
    message = newest_message(item, events, ("FailedBinding", "ProvisioningFailed", "WaitForFirstConsumer", "ExternalProvisioning"))
    return "has no volume", message, "JUST doctor checks the StorageClass; with scripts/cluster.sh, JUST deploy creates the volume"


def problem_of_container(status, pod, kind):
    """A container that is not ready, or None."""
    state, name = status["state"], status["name"]
    log = f"logs {pod} --container {name}"
    if waiting := state.get("waiting"):
        reason = waiting["reason"]
        if reason == "CrashLoopBackOff":
            log += " --previous"
        elif reason in ("ContainerCreating", "PodInitializing"):
            log = "describe"
        return f"waits: {kind} {name}: {reason}", waiting.get("message", ""), ACTIONS.get(reason, log)
    if ended := state.get("terminated"):
        if ended["exitCode"] != 0:
            return f"is not ready: {kind} {name} ended with exit code {ended['exitCode']}", ended.get("message", ""), log
    elif kind == "init container":
        return f"waits: the init container {name} is running", "", log
    elif not status["ready"]:
        return f"is not ready: the container {name} is running, but its probe fails", "", log
    return None


def problem_of_pod(item, events):
    status, name = item.get("status", {}), item["metadata"]["name"]
    if item["metadata"].get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed"):
        return None
    if condition(item, "Ready").get("status") == "True":
        return None
    scheduled = condition(item, "PodScheduled")
    if scheduled.get("status") == "False":
        return "is not scheduled to a node", scheduled.get("message", ""), "describe"
    for field, kind in (("initContainerStatuses", "init container"), ("containerStatuses", "container")):
        for container in status.get(field, []):
            if kind == "init container" and container["state"].get("terminated", {}).get("exitCode") == 0:
                continue
            # Containers wait for the init containers, whose problem is reported first.
            if problem := problem_of_container(container, name, kind):
                return problem
    return "is not ready", newest_message(item, events, ("FailedMount", "FailedAttachVolume", "Unhealthy")), "describe"


def problem_of_job(item, events):
    """Only of Jobs that Helm waits for: others belong to schedules."""
    log = f"logs job/{item['metadata']['name']}"
    if "helm.sh/hook" not in item["metadata"].get("annotations", {}):
        return None
    if failed := condition(item, "Failed"):
        return "has failed", failed.get("message", ""), log
    return None if condition(item, "Complete") else ("is running", "", log)


KINDS = {
    "CronJob": lambda item, _: stopped(item),
    "Job": problem_of_job,
    "Deployment": problem_of_workload,
    "StatefulSet": problem_of_workload,
    "PersistentVolumeClaim": problem_of_claim,
    "Pod": problem_of_pod,
}


def problems(objects):
    events = [item for item in objects if item["kind"] == "Event"]
    for item in objects:
        if item["kind"] in KINDS and (problem := KINDS[item["kind"]](item, events)):
            yield item, *problem


def main(namespace, just=None):
    found = list(problems(list(read_objects(sys.stdin.read()))))
    if namespace == "--summary":
        print("; ".join(f"{item['metadata']['name']} {problem}" for item, problem, _, _ in found))
        return
    for item, problem, message, action in found:
        kind, name = item["kind"].lower(), item["metadata"]["name"]
        if action == "describe":
            action = f"kubectl -n {namespace} describe {kind} {name}"
        elif action.startswith("logs "):
            action = f"kubectl -n {namespace} {action}"
        print(f"  {kind} {name} {problem}" + (f": {' '.join(message.split())[:300]}" if message else ""))
        print(f"      {action.replace('JUST', just)}")


main(*sys.argv[1:])
