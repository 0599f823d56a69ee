#!/usr/bin/env bash
# Tests the dashboard page of examples/streamlit in a real browser with a real trigger-api. As root on Debian it installs Chromium;
# otherwise it names what is missing. The last line has the counts.
#
#   scripts/test-streamlit.sh [PYTEST_OPTION...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly example=examples/streamlit
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
readonly target
readonly venv=$target/streamlit-venv

if ! command -v chromium >/dev/null; then
  if ((EUID != 0)); then
    echo 'scripts/test-streamlit.sh needs the package chromium: sudo apt-get install chromium' >&2
    exit 2
  fi
  echo 'installing chromium'
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium >/dev/null
fi

if ! cat "$example"/requirements*.txt | cmp -s - "$venv/installed"; then
  echo "installing the packages of $example"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$example/requirements-test.txt"
  cat "$example"/requirements*.txt >"$venv/installed"
fi
cargo build --locked --package trigger-api --features local

cd "$example"
passed=0 failed=0
check() {
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
check "$venv/bin/ruff" format --quiet --check .
check "$venv/bin/ruff" check --quiet .
check "$venv/bin/mypy" --no-error-summary .

# Chromium cancels its requests when a network interface of the machine appears or disappears, as those of containers do. In a
# network namespace of its own there is only the loopback, and the tests need no other interface.
isolated=()
for namespace in 'unshare --net' 'unshare --map-root-user --net'; do
  if $namespace ip link set lo up 2>/dev/null; then
    # shellcheck disable=SC2016,SC2206 # a command of several words
    isolated=($namespace -- sh -c 'ip link set lo up && exec "$@"' sh)
    break
  fi
done

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
TRIGGER_API_PROGRAM=$target/debug/trigger-api CHROMIUM=$(command -v chromium) \
  "${isolated[@]}" "$venv/bin/python" -m pytest -q --durations=3 --junitxml="$report" "$@" || status=$?

# pytest writes no report if it can't start.
if [[ -s $report ]]; then
  read -r p f skipped < <(../../scripts/junit_counts.py "$report")
  passed=$((passed + p)) failed=$((failed + f))
fi
((status == 0 || failed > 0)) || failed=1
printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "${skipped:-0}"
((failed == 0))
