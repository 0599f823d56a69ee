#!/usr/bin/env bash
# Sends trigger-api what its OpenAPI document allows and what it forbids, and holds every answer to the document.
#
#   scripts/fuzz-openapi.sh [MAX_EXAMPLES]              on this machine, without and with a credential
#   scripts/fuzz-openapi.sh --cluster [MAX_EXAMPLES]    also with Jobs of the cluster of scripts/cluster.sh
#
# The same cases each time. The last line counts the passes over the document: each is one test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cluster=
if [[ ${1-} == --cluster ]]; then
  cluster=1
  shift
fi
readonly examples=${1:-25}
readonly venv=target/fuzz-venv target=${CARGO_TARGET_DIR:-target}
readonly token=fuzzed-token-of-no-worth
passed=0 failed=0 api=
folder=$(mktemp -d)

clean_up() {
  stop
  if [[ -n $cluster ]]; then kubectl delete namespace "$namespace" --wait=false >/dev/null 2>&1 || true; fi
  rm -rf "$folder"
}
trap clean_up EXIT

prepare() {
  local wanted=schemathesis==4.32.5\ openapi-spec-validator==0.9.0
  if [[ $(cat "$venv/installed" 2>/dev/null) != "$wanted" ]]; then
    echo "installing $wanted"
    python3 -m venv --clear "$venv"
    # shellcheck disable=SC2086
    "$venv/bin/pip" install --quiet --disable-pip-version-check $wanted
    echo "$wanted" >"$venv/installed"
  fi
  cargo build --quiet --locked --package trigger-api
}

# start NAME VARIABLE=VALUE...: a trigger-api of those variables alone; $url is where it serves, once it is ready.
start() {
  local log=$folder/$1.log
  shift
  env -i PATH="$PATH" LISTEN_ADDR=127.0.0.1:0 LOG_FORMAT=json RATE_LIMIT=1000000 HISTORY_RUNS=200 \
    DATABASE_URL="sqlite:$folder/$RANDOM.sqlite" "$@" "$target/debug/trigger-api" 2>"$log" &
  api=$!
  url=
  until [[ -n $url ]]; do
    kill -0 "$api" 2>/dev/null || { cat "$log" >&2; exit 1; }
    url=$(sed -nE 's/.*"address":"([^"]+)".*"message":"serving".*/http:\/\/\1/p; s/.*"message":"serving".*"address":"([^"]+)".*/http:\/\/\1/p' "$log")
    sleep 0.05
  done
  curl -fsS --retry 100 --retry-delay 1 --retry-all-errors -o "$folder/ready" "$url/readyz" 2>/dev/null
}

stop() {
  if [[ -n $api ]]; then
    kill "$api" 2>/dev/null || true
    wait "$api" || true
    api=
  fi
}

# fuzz NAME DOCUMENT [OPTION...]
fuzz() {
  local name=$1 document=$2
  shift 2
  printf '\n== %s\n' "$name"
  if "$venv/bin/schemathesis" --config-file scripts/fuzz-openapi.toml run "$document" --url "$url" --checks all \
    --phases examples,coverage,fuzzing,stateful --max-examples "$examples" --seed 1 --generation-deterministic \
    --request-timeout 15 --no-color "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

write_target() {
  cat >"$folder/cronjob.yaml" <<'YAML'
apiVersion: batch/v1
kind: CronJob
metadata: {name: fuzzed}
spec:
  schedule: '0 0 29 2 *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: 'localhost/busybox:1', command: ['true']}]
YAML
  echo "local: {manifests: $folder/cronjob.yaml}" >"$folder/config.yaml"
}

on_this_machine() {
  local settings=(EXECUTOR=local CONFIG_FILE="$folder/config.yaml" CRONJOB_NAME=fuzzed)
  start open "${settings[@]}"
  fuzz 'without a credential' "$url/openapi.json"
  stop
  # The document leaves the credential to the configuration. Here it is needed, so the document has to say so.
  start guarded "${settings[@]}" INTERNAL_TOKEN="$token"
  python3 - docs/openapi.json "$folder/guarded.json" <<'PYTHON'
import json, sys

document = json.load(open(sys.argv[1]))
for path in document["paths"].values():
    for operation in path.values():
        if operation["security"] != [{}]:
            operation["security"].remove({})
json.dump(document, open(sys.argv[2], "w"))
PYTHON
  fuzz 'with a credential' "$folder/guarded.json" --header "X-Internal-Token: $token"
  stop
}

prepare
write_target
"$venv/bin/openapi-spec-validator" --schema 3.1 docs/openapi.json && passed=$((passed + 1)) || failed=$((failed + 1))
on_this_machine
printf '\n%s passed, %s failed\n' "$passed" "$failed"
((failed == 0))
