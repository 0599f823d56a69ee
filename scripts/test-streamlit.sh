#!/usr/bin/env bash
# Tests the dashboard page of examples/streamlit in a real browser, with a real trigger-api behind it.
# As root on Debian it installs Chromium; otherwise it says what is missing. The last line counts the tests.
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
cargo build --locked --package trigger-api

cd "$example"
passed=0 failed=0
check() {
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
check "$venv/bin/ruff" format --quiet --check .
check "$venv/bin/ruff" check --quiet .
check "$venv/bin/mypy" --no-error-summary .

# Chromium breaks off its requests whenever a network interface of the machine comes or goes, as those of containers do.
# A network of its own has none but the loopback, which is all that is needed.
alone=()
for namespace in 'unshare --net' 'unshare --map-root-user --net'; do
  if $namespace ip link set lo up 2>/dev/null; then
    # shellcheck disable=SC2016
    alone=($namespace -- sh -c 'ip link set lo up && exec "$@"' sh)
    break
  fi
done

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
TRIGGER_API_PROGRAM=$target/debug/trigger-api CHROMIUM=$(command -v chromium) \
  "${alone[@]}" "$venv/bin/python" -m pytest -q --durations=3 "$@" 2>&1 | tee "$log" || status=$?

# "1 failed, 12 passed, 1 error in 40.00s", each part only where there are some.
number() {
  local found
  found=$(sed -nE "s/.*\b([0-9]+) $1.* in [0-9.]+s.*/\1/p" "$log" | tail -1)
  echo "${found:-0}"
}
passed=$((passed + $(number passed)))
failed=$((failed + $(number failed) + $(number error)))
((status == 0 || failed > 0)) || failed=1
printf '\n%s passed, %s failed\n' "$passed" "$failed"
((failed == 0))
