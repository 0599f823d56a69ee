#!/usr/bin/env bash
# Sends trigger-api and monitor-api requests that their OpenAPI documents allow and requests that they forbid, and checks each
# response against the document.
#
#   scripts/fuzz-openapi.sh [MAX_EXAMPLES]              with the local executor and with NATS, without and with a credential
#   scripts/fuzz-openapi.sh --cluster [MAX_EXAMPLES]    and with Jobs on the cluster of scripts/cluster.sh
#
# The cases are the same in each run. Each pass over the document counts as one test; the last line has the counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cluster=
if [[ ${1-} == --cluster ]]; then
  cluster=1
  shift
fi
readonly examples=${1:-25}
readonly venv=target/fuzz-venv target=${CARGO_TARGET_DIR:-target}
readonly token=fuzzed-token-without-value
readonly cronjob=kraken-trading-job
readonly namespace=fuzz-$$
passed=0 failed=0 api='' nats='' settings=scripts/fuzz-openapi.toml
folder=$(mktemp -d)

clean_up() {
  stop
  stop_nats
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
  cargo build --quiet --locked --package trigger-api --features local
  cargo build --quiet --locked --package monitor-api
}

# start PROGRAM NAME VARIABLE=VALUE...: starts a program with only these variables, and sets $url.
start() {
  local program=$1 log=$folder/$1-$2.log
  shift 2
  : >"$log"
  env -i PATH="$PATH" LISTEN_ADDR=127.0.0.1:0 LOG_FORMAT=json RATE_LIMIT=1000000 "$@" "$target/debug/$program" 2>"$log" &
  api=$!
  url=
  until [[ -n $url ]]; do
    kill -0 "$api" 2>/dev/null || { cat "$log" >&2; exit 1; }
    url=$(python3 -c 'import json, sys
events = [json.loads(line) for line in sys.stdin if line.endswith("}\n")]
print(*("http://" + event["address"] for event in events if event["message"] == "serving"))' <"$log")
    sleep 0.05
  done
}

wait_until_ready() {
  curl -fsS --retry 100 --retry-delay 1 --retry-all-errors -o "$folder/ready" "$url/readyz" 2>/dev/null
}

start_trigger_api() {
  start trigger-api "$@" HISTORY_RUNS=200 DATABASE_URL="sqlite:$folder/$RANDOM.sqlite"
  wait_until_ready
}

stop_nats() {
  if [[ -n $nats ]]; then
    kill "$nats" 2>/dev/null || true
    wait "$nats" || true
    nats=
  fi
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
  # Not use_after_free: DELETE cancels a run, and the history still has it.
  if "$venv/bin/schemathesis" --config-file "$settings" run "$document" --url "$url" --checks all --exclude-checks use_after_free \
    --phases examples,coverage,fuzzing,stateful --max-examples "$examples" --seed 1 --generation-deterministic \
    --request-timeout 15 --no-color "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

write_target() {
  cat >"$folder/cronjob.yaml" <<YAML
apiVersion: batch/v1
kind: CronJob
metadata: {name: $cronjob}
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

# require_credential DOCUMENT RESULT: in the document the credential is optional, because it depends on the configuration.
require_credential() {
  python3 - "$@" <<'PYTHON'
import json, sys

document = json.load(open(sys.argv[1]))
for path in document["paths"].values():
    for operation in path.values():
        if operation["security"] != [{}] and {} in operation["security"]:
            operation["security"].remove({})
json.dump(document, open(sys.argv[2], "w"))
PYTHON
}

on_this_machine() {
  local variables=(EXECUTOR=local CONFIG_FILE="$folder/config.yaml" CRONJOB_NAME="$cronjob")
  start_trigger_api open "${variables[@]}"
  fuzz 'trigger-api without a credential' "$url/openapi.json"
  stop
  start_trigger_api guarded "${variables[@]}" INTERNAL_TOKEN="$token"
  require_credential docs/openapi.json "$folder/guarded.json"
  fuzz 'trigger-api with a credential' "$folder/guarded.json" --header "X-Internal-Token: $token"
  stop
  # The root certificate of the source does not exist, so analyses are queued and started, and fail immediately.
  start_trigger_api administered "${variables[@]}" ADMIN_SECRET="$token" TASK_QUEUE=100000 \
    SOURCE_DATABASE_URL='postgres://nobody@127.0.0.1:1/none?sslmode=verify-full&sslrootcert=/nowhere'
  fuzz "trigger-api with an administrator's credential, and the analysis" "$folder/guarded.json" --header "X-Admin-Secret: $token"
  stop
}

# Runs the program with its own ServiceAccount and the permissions of deploy/manifests.
on_a_cluster() {
  eval "$(scripts/cluster.sh env)"
  kubectl create namespace "$namespace"
  kubectl --namespace "$namespace" apply -f "$folder/cronjob.yaml"
  # Only the ServiceAccount, the Role and its binding: the test's namespace needs no other object.
  kubectl create --dry-run=client --output json -f deploy/manifests/prod/trigger-api.yaml |
    python3 -c 'import json, sys
for object in json.load(sys.stdin)["items"]:
    if object["kind"] in ("ServiceAccount", "Role", "RoleBinding"): print("---", json.dumps(object), sep="\n")' |
    kubectl --namespace "$namespace" apply -f -
  kubectl config view --raw --flatten --minify >"$folder/kubeconfig"
  chmod 600 "$folder/kubeconfig"
  local of_account=(kubectl --kubeconfig "$folder/kubeconfig" config)
  "${of_account[@]}" set-credentials account \
    --token="$(kubectl --namespace "$namespace" create token trigger-api-sa)" >/dev/null
  "${of_account[@]}" set-context account --cluster="$("${of_account[@]}" view -o 'jsonpath={.clusters[0].name}')" \
    --user=account --namespace="$namespace" >/dev/null
  "${of_account[@]}" use-context account >/dev/null
  # A cluster without a node runs no Job, so no request may wait for one to end.
  settings=$folder/cluster.toml
  sed 's/^"path.target".*/&\n"query.follow" = "false"\n"header.Prefer" = "wait=1"/' scripts/fuzz-openapi.toml >"$settings"
  start_trigger_api cluster KUBECONFIG="$folder/kubeconfig" CRONJOB_NAME="$cronjob"
  fuzz 'trigger-api with a cluster' "$url/openapi.json"
  stop
}

# Starts a NATS server with a registry: an instance, and an entry that can't be read. Sets $nats_url.
start_nats() {
  local port heartbeat='"status":"ACTIVE","lastHeartbeat":"2099-01-01T00:00:00+00:00","stickyActiveGroup":null'
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  nats-server --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$folder/nats" 2>"$folder/nats.log" &
  nats=$!
  nats_url=nats://127.0.0.1:$port
  local registry=(nats --server "$nats_url" kv)
  until "${registry[@]}" add service_registry >/dev/null 2>"$folder/nats-client.log"; do
    kill -0 "$nats" || { cat "$folder/nats.log" >&2; exit 1; }
    sleep 0.1
  done
  # A heartbeat in the future is never too old.
  "${registry[@]}" put service_registry service-instances__risk-engine__risk-engine-0a1b2c3d >/dev/null \
    "{\"serviceName\":\"risk-engine\",\"instanceId\":\"risk-engine-0a1b2c3d\",\"version\":\"1.0.0\",$heartbeat,\"metadata\":{}}"
  "${registry[@]}" put service_registry service-instances__unreadable__entry '{' >/dev/null
}

with_nats() {
  settings=scripts/fuzz-openapi-monitor.toml
  PATH=$(scripts/tools.sh nats-server nats):$PATH
  require_credential docs/openapi-monitor.json "$folder/guarded-monitor.json"
  start_nats
  start monitor-api open NATS_URL="$nats_url"
  wait_until_ready
  fuzz 'monitor-api without a credential' "$url/openapi.json"
  stop
  start monitor-api guarded NATS_URL="$nats_url" INTERNAL_TOKEN="$token"
  wait_until_ready
  fuzz 'monitor-api with a credential' "$folder/guarded-monitor.json" --header "X-Internal-Token: $token"
  stop_nats
  # Reads are answered from the last known state. Writes are 503, which is no fault here; every other server error still is.
  settings=$folder/outage.toml
  sed 's/"404", "409", "422"\]/"404", "409", "422", "503"]/' scripts/fuzz-openapi-monitor.toml >"$settings"
  printf '\n[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", "503"]\n' >>"$settings"
  until [[ $(curl -s -o /dev/null -w '%{http_code}' "$url/ready") == 503 ]]; do sleep 0.1; done
  fuzz 'monitor-api after NATS has ended' "$folder/guarded-monitor.json" --header "X-Internal-Token: $token"
  stop
  start monitor-api alone NATS_URL="$nats_url"
  fuzz 'monitor-api without NATS' "$url/openapi.json"
  stop
}

prepare
write_target
for document in docs/openapi.json docs/openapi-monitor.json; do
  "$venv/bin/openapi-spec-validator" --schema 3.1 "$document" && passed=$((passed + 1)) || failed=$((failed + 1))
done
on_this_machine
with_nats
if [[ -n $cluster ]]; then on_a_cluster; fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
((failed == 0))
