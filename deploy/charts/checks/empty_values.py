#!/usr/bin/env python3
"""Empties each value of a chart, one after the other, as `settings:` without a value does, and renders the chart. Helm must render valid
objects, or print an error that names the value.

    empty_values.py CHART [OPTION OF HELM...]    prints the values that do something else, and the number of values
"""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# An error of the schema, or of templates/checks.yaml. Other errors show a position in a template that lacks the value.
CLEAR = re.compile(r"^- at '/[^']*': |^Error: execution error at \([^)]*checks\.yaml:[0-9:]+\): |: missing property", re.MULTILINE)
UNCLEAR = re.compile(r"nil pointer|error calling|wrong type|can't evaluate|<no value>|<nil>")
# A key without a value: in braces, or at the end of a line.
EMPTY_IN_BRACES = re.compile(r"[{,] *[\w./-]+: *[,}]")
EMPTY_LINE = re.compile(r"^( *)((?:- )*)([\w./-]+):$")


def helm(command, chart, options, values):
    """Runs Helm. The tag has no default; it is not an option, because an option would replace an empty section."""
    arguments = ["helm", command, "release", chart, *options, "--values", "-"]
    values = {"image": {"tag": "tag"}, **values}
    return subprocess.run(arguments, input=json.dumps(values), capture_output=True, text=True, check=False)


def merged(defaults, given):
    """The defaults with the given values, as Helm merges them."""
    if not (isinstance(defaults, dict) and isinstance(given, dict)):
        return given
    return {**defaults, **{key: merged(defaults.get(key), value) for key, value in given.items()}}


def paths(values, path=()):
    """The path of each value that is not inside of a list."""
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from paths(value, (*path, key))


def emptied(path):
    """The values that empty the one at the path."""
    values = None
    for key in reversed(path):
        values = {key: values}
    return values


def empty_keys(manifests):
    """The keys of the rendered objects that have no value, or the value null."""
    lines = [line.rstrip() for line in manifests.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line, following in zip(lines, [*lines[1:], "---"], strict=True):
        if EMPTY_IN_BRACES.search(line) or line.endswith((": null", "- null")):
            yield line
        elif found := EMPTY_LINE.match(line):
            indentation = len(found[1]) + len(found[2])
            nested = len(following) - len(following.lstrip())
            if nested < indentation or (nested == indentation and not following.lstrip().startswith("- ")):
                yield line


def problem(chart, options, path):
    result = helm("template", chart, options, emptied(path))
    if result.returncode == 0:
        return "; ".join(line.strip() for line in empty_keys(result.stdout))
    if not CLEAR.search(result.stderr) or UNCLEAR.search(result.stderr):
        return result.stderr.strip()
    return ""


def main(chart, *options):
    release = helm("install", chart, ["--dry-run=client", "--output", "json", *options], {})
    if release.returncode != 0:
        sys.exit(release.stderr)
    release = json.loads(release.stdout)
    values = merged(release["chart"]["values"], release["config"])
    values.pop("library", None)
    every = list(paths(values))
    with ThreadPoolExecutor(max_workers=4) as pool:
        problems = list(pool.map(lambda path: problem(chart, options, path), every))
    wrong = [f"{'.'.join(path)}: {text}" for path, text in zip(every, problems, strict=True) if text]
    print(*wrong, f"{len(every)} values, {len(wrong)} are wrong", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
