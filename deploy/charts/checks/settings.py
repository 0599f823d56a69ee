#!/usr/bin/env python3
"""Holds the settings that values.schema.json knows against the variables that the programs read.

A plain variable has to be there, or to be named below with the reason why it is not; a secret must not be.
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
LEFT_OUT = {
    "LISTEN_ADDR": "the Service and the probes know the port",
    "CRONJOB_NAME": "triggerApi.defaultTarget",
    "DEFAULT_TARGET": "triggerApi.defaultTarget",
    "TARGET_NAMESPACE": "the release's own: the Role is there",
    "EXECUTOR": "always the cluster",
    "JWKS_FILE": "JWKS_URL, or a Secret with JWT_SECRET",
    "SQLITE_PATH": "a pod that ends takes its file along",
    "TERMINATION_MESSAGE_PATH": "the kubelet's own is found without",
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
        wrong += [f"{section}.settings lacks {name}" for name in sorted(plain - known - set(LEFT_OUT))]
        wrong += [f"{section}.settings has {name}, which is a secret" for name in sorted(secret & known)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
