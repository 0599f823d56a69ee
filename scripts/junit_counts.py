#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" of a test run.

    junit_counts.py JUNIT.xml [LIST.json]

JUNIT.xml is the run's report. LIST.json is what `cargo nextest list --message-format json` prints for the same arguments: it
has the tests that the run did not select, which the report of nextest does not contain.
"""

import json
import sys
from xml.etree import ElementTree

suites = list(ElementTree.parse(sys.argv[1]).iter("testsuite"))


def total(*names):
    return sum(int(suite.get(name, 0)) for suite in suites for name in names)


failed, skipped = total("failures", "errors"), total("skipped", "disabled")
passed = total("tests") - failed - skipped
if len(sys.argv) > 2:
    with open(sys.argv[2]) as file:
        listed = json.load(file)["rust-suites"].values()
    cases = [case for suite in listed for case in suite.get("testcases", {}).values()]
    skipped = sum(case["filter-match"]["status"] == "mismatch" for case in cases)
print(passed, failed, skipped)
