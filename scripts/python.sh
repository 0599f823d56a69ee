#!/usr/bin/env bash
# Prints the path of a Python that has the packages of the tests' reference calculations, making it on first use.
#
#   scripts/python.sh
#
# It is a virtual environment in ${CARGO_TARGET_DIR:-target}/python-venv, made anew when the pinned packages change.
# Of two calls at once, one makes it and the other waits.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly requirements=crates/trigger-api/tests/it/portfolio_analysis/requirements.txt
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
readonly target venv=$target/python-venv

give_up() {
  echo "scripts/python.sh: $1" >&2
  exit 1
}

command -v python3 >/dev/null || give_up 'there is no python3; install Python 3.11 or later'
exec 9>"$target/python-venv.lock"
flock 9 || give_up 'the lock of the environment could not be had'
# The stamp is written last, so a half-made environment is never taken for a whole one.
wanted=$(python3 --version && cat "$requirements")
if [[ ! -x $venv/bin/python || $(cat "$venv/stamp" 2>/dev/null) != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 || give_up 'no virtual environment could be made; install it: apt-get install python3-venv'
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
    --requirement "$requirements" >&2 9>&- || give_up "the packages of $requirements could not be installed; pip says above why"
  printf '%s\n' "$wanted" >"$venv/stamp"
fi
echo "$venv/bin/python"
