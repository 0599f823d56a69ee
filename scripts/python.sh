#!/usr/bin/env bash
# Prints the path of a Python that has the packages of the tests' reference calculations. Creates it at the first use.
#
#   scripts/python.sh
#
# It is a virtual environment in ${CARGO_TARGET_DIR:-target}/python-venv, which is created again when the pinned packages change.
# Calls at the same time wait for one another.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly requirements=crates/portfolio-analysis/tests/it/requirements.txt
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
readonly target venv=$target/python-venv

give_up() {
  echo "scripts/python.sh: $1" >&2
  exit 1
}

command -v python3 >/dev/null || give_up 'python3 is missing; install Python 3.11 or later'
exec 9>"$target/python-venv.lock"
flock 9 || give_up 'the lock of the virtual environment can'"'"'t be acquired'
# The stamp is written last, so an incomplete environment is never used.
wanted=$(python3 --version && cat "$requirements")
if [[ ! -x $venv/bin/python || $(cat "$venv/stamp" 2>/dev/null) != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 || give_up 'python3 could not create a virtual environment; install the module: apt-get install python3-venv'
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all: \
    --requirement "$requirements" >&2 9>&- || give_up "the packages of $requirements could not be installed; the error of pip is above"
  printf '%s\n' "$wanted" >"$venv/stamp"
fi
echo "$venv/bin/python"
