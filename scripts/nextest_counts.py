#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" of a run of cargo nextest.

    nextest_counts.py JUNIT.xml LIST.json

JUNIT.xml is the run's report. LIST.json is what `cargo nextest list --message-format json` prints for the same arguments: it
has the tests that the run did not select, which the report does not mention.
"""

import json
import sys
from xml.etree import ElementTree

junit, listed = sys.argv[1:]
report = ElementTree.parse(junit).getroot()
failed = int(report.get("failures", 0)) + int(report.get("errors", 0))
with open(listed) as file:
    suites = json.load(file)["rust-suites"].values()
matches = [case["filter-match"]["status"] for suite in suites for case in suite.get("testcases", {}).values()]
print(int(report.get("tests", 0)) - failed, failed, matches.count("mismatch"))
