#!/usr/bin/env python3
"""Compares the settings in values.schema.json with the environment variables that the programs read.

The schema must have every plain variable that is not listed in NOT_SETTINGS, and must not have a secret.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAMS = {
    "triggerApi": ("crates/trigger-api/src", "crates/trading-views/src", "crates/common/src/auth.rs", "crates/common/src/telemetry.rs"),
    "tradesSync": ("crates/trades-sync/src", "crates/trading-views/src", "crates/common/src/telemetry.rs"),
}
# Plain variables that are not settings of the chart, with the reason.
NOT_SETTINGS = {
    "LISTEN_ADDR": "the port is fixed in the Service and the probes",
    "CRONJOB_NAME": "set from triggerApi.defaultTarget",
    "DEFAULT_TARGET": "set from triggerApi.defaultTarget",
    "TARGET_NAMESPACE": "always the release's namespace, which has the Role",
    "EXECUTOR": "always kubernetes",
    "JWKS_FILE": "use JWKS_URL, or a Secret with JWT_SECRET",
    "SQLITE_PATH": "the file would be deleted with the pod",
    "TERMINATION_MESSAGE_PATH": "the default is the kubelet's path",
}


def rust_files(path):
    return sorted(path.rglob("*.rs")) if path.is_dir() else [path]


def main():
    chart = ROOT / "deploy/charts/tradeops"
    schema = json.loads((chart / "values.schema.json").read_text())
    wrong = []
    for section, sources in PROGRAMS.items():
        known = set(schema["properties"][section]["properties"]["settings"]["properties"])
        known |= set(schema["properties"]["tradingDay"]["properties"])
        files = [file for source in sources for file in rust_files(ROOT / source)]
        text = "".join(file.read_text() for file in files)
        plain = set(re.findall(r'Variable::plain\(\s*"([A-Z0-9_]+)"', text))
        secret = set(re.findall(r'Variable::secret\(\s*"([A-Z0-9_]+)"', text))
        if not plain or not secret:
            wrong.append(f"{sources[0]} declares no variables that this script can read")
        wrong += [f"{section}.settings lacks {name}" for name in sorted(plain - known - set(NOT_SETTINGS))]
        wrong += [f"{section}.settings has {name}, which is a secret" for name in sorted(secret & known)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
