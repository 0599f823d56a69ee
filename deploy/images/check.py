#!/usr/bin/env python3
"""Runs the tests of the images (test_*.py), which use a program of a few bytes. scripts/check-images.sh calls it."""

import os
import sys
import unittest

if __name__ == "__main__":
    tests = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)), pattern="test_*.py")
    outcome = unittest.TextTestRunner(verbosity=2).run(tests)
    failed = len({test.id().split(" ")[0] for test, _ in outcome.failures + outcome.errors})
    passed = outcome.testsRun - failed - len(outcome.skipped)
    # scripts/test.sh reads this line.
    print(f"{passed} passed, {failed} failed, {len(outcome.skipped)} skipped", flush=True)
    sys.exit(bool(failed))
