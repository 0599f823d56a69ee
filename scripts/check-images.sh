#!/usr/bin/env bash
# Tests the scripts that build images, without building programs of crates: deploy/images/check.py, in a virtual environment with its
# packages. The last line has the counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly requirements=deploy/images/requirements.txt
target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
readonly target venv=$target/images-venv

if ! cmp -s "$requirements" "$venv/installed"; then
  echo "installing the packages of $requirements"
  mkdir -p "$target"
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --only-binary :all: -r "$requirements"
  cp "$requirements" "$venv/installed"
fi
PATH=$venv/bin:$PATH exec "$venv/bin/python" deploy/images/check.py
