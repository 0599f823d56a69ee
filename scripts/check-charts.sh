#!/usr/bin/env bash
# Checks the charts and the rendered manifests: with Helm, with linters, and on a real API server that it starts and stops. The
# parts of each chart are in deploy/charts/checks. The last line has the counts.
#
#   scripts/check-charts.sh [CHART...]    all charts, or the named ones
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly checks=deploy/charts/checks
readonly tag=4a0f3c9d2b7e61588c0d94f1a3e6b2d7c5f80e19
work=$(mktemp -d)
# The state folder of a cluster must have a short path.
export TRADEOPS_CLUSTER_DIR=$work/cluster

clean_up() {
  scripts/cluster.sh down >/dev/null || echo 'scripts/cluster.sh could not delete the whole cluster of the checks' >&2
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# shellcheck source=scripts/checks.sh
source scripts/checks.sh

# ---- With Helm

declare -A variants manifests namespaces
# Sets chart, inputs, release, listen_section, listen_port, variants, manifests, namespaces and ignored_scores, and defines the chart's functions `policies` and `releases`.
select_chart() {
  chart=deploy/charts/$1 inputs=$checks/$1 release='' listen_section='' listen_port='' ignored_scores=()
  # shellcheck source=/dev/null
  source "$inputs/checks.sh"
}
names() { printf '%s\n' "${!variants[@]}" | sort; }

# shellcheck disable=SC2086 # several options
rendered() { helm template "$release" "$chart" --namespace "${namespaces[prod]}" --set-string image.tag=$tag ${variants[$1]}; }
# shellcheck disable=SC2086
linted() { helm lint --strict "$chart" --namespace "${namespaces[prod]}" --set-string image.tag=$tag ${variants[$1]}; }

bad_values_are_refused() {
  local line options expected
  while IFS= read -r line; do
    [[ -n $line && $line != \#* ]] || continue
    options=${line%% | *} expected=${line#* | }
    options=${options%"${options##*[! ]}"}
    # shellcheck disable=SC2086
    check "${chart##*/}: refused: $options" refused "${expected#"${expected%%[! ]*}"}" \
      helm template "$release" "$chart" --values <(echo "image: {tag: $tag}") $options
  done <"$inputs/bad-values.txt"
}

port_follows() {
  local output
  output=$(helm template "$release" "$chart" --namespace "${namespaces[prod]}" --set-string image.tag=$tag \
    --set-string "$listen_section.settings.LISTEN_ADDR=[::]:9000")
  grep -q 'containerPort: 9000' <<<"$output" && grep -q '{protocol: TCP, port: 9000}' <<<"$output"
  ! grep -E "containerPort: $listen_port|protocol: TCP, port: $listen_port" <<<"$output"
}
# shellcheck disable=SC2086 # several options
empty_values() { $checks/empty_values.py "$chart" ${variants[everything]}; }

# As a dependency, a chart renders the same objects as alone, or none if its condition is false.
with_condition() {
  local conditions=tradeops.enabled=false,aegis-trader.enabled=false,${chart##*/}.enabled=true
  diff <(helm template stack "$chart" --set-string image.tag=4a0f3c9 | grep -v '^# Source') \
    <(helm template stack "$work/conditional" --set "$conditions" | grep -v '^# Source')
}
without_condition() {
  local one
  helm template stack "$work/unconditional" >"$work/stack.yaml"
  for one in tradeops aegis-trader; do
    diff <(helm template stack "deploy/charts/$one" --set-string image.tag=4a0f3c9 | grep -c '^# Source') \
      <(grep -c "^# Source: umbrella/charts/$one/" "$work/stack.yaml")
  done
}
umbrella_charts() {
  mkdir "$work/conditional" "$work/unconditional"
  cp $checks/umbrella/values.yaml "$work/conditional"
  sed "s|file://../..|file://$PWD/deploy/charts|" $checks/umbrella/Chart.yaml >"$work/conditional/Chart.yaml"
  helm dependency update --skip-refresh "$work/conditional"
  cp -r "$work/conditional/." "$work/unconditional"
  sed -i '/condition:/d' "$work/unconditional/Chart.yaml"
}

with_helm() {
  local name
  while IFS= read -r name; do check "${chart##*/}: helm lint --strict: $name" linted "$name"; done < <(names)
  check "${chart##*/}: the port of containers and NetworkPolicies follows LISTEN_ADDR" port_follows
  bad_values_are_refused
  check "${chart##*/}: each value can be empty, or the error names it" empty_values
  check "${chart##*/}: as a dependency with a condition" with_condition
}

# Runs kube-score without the checks that do not apply.
scored() {
  local ignored=(
    # Requests already share the processor fairly; a limit would only leave it idle. Memory is limited.
    --ignore-container-cpu-limit
    # Tags are commits, so an image never changes. Pulling it at every start would only add outages of the registry.
    --ignore-test container-image-pull-policy
    # Root file systems are read-only. trigger-api writes only its history, which has a sizeLimit; the kubelet rotates logs.
    --ignore-test container-ephemeral-storage-request-and-limit
    "${ignored_scores[@]}"
  ) files
  # dev has one replica on purpose.
  [[ $1 == prod ]] || ignored+=(--ignore-test deployment-replicas)
  mapfile -t files < <(find "${manifests[$1]}" -name '*.yaml' ! -name kustomization.yaml)
  kube-score score --kubernetes-version v1.36 --exit-one-on-warning "${ignored[@]}" "${files[@]}"
}

# ---- NetworkPolicies

ask_cyclonus() {
  policies | kubectl create --namespace "${namespaces[prod]}" --dry-run=client -o json -f - |
    $checks/network_policies.py "$inputs/who-may-call.txt" >"$work/network"
}
network_policies() {
  local verdict
  check "${chart##*/}: cyclonus answers for every line of who-may-call.txt" ask_cyclonus
  while IFS= read -r verdict; do
    echo "$verdict"
    if [[ $verdict == ok* ]]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  done <"$work/network"
}

# ---- A real API server

namespace() {
  kubectl create namespace "$1"
  kubectl label namespace "$1" pod-security.kubernetes.io/{enforce,warn}=restricted
  eventually 20 kubectl --namespace "$1" get serviceaccount default
}

# Creates the CustomResourceDefinitions of operators, from their Go modules.
foreign_kinds() {
  local external_secrets prometheus
  external_secrets=$(module github.com/external-secrets/external-secrets@v1.3.2)
  prometheus=$(module github.com/prometheus-operator/prometheus-operator@v0.85.0)
  kubectl create -f "$external_secrets/config/crds/bases/external-secrets.io_externalsecrets.yaml" \
    -f "$prometheus/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
  kubectl wait --for=condition=Established --timeout=30s crd externalsecrets.external-secrets.io servicemonitors.monitoring.coreos.com
}
module() { go mod download -json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])'; }

# Strict validation succeeds without a warning.
server_accepts() {
  local output
  output=$(kubectl apply --dry-run=server --validate=strict "$@" 2>&1) || { echo "$output" && return 1; }
  ! grep -i warning <<<"$output"
}
server_accepts_variant() { server_accepts --namespace "${namespaces[prod]}" -f <(rendered "$1"); }

conforms() {
  # The schemas of these two kinds are not part of the OpenAPI document of Kubernetes.
  rendered "$1" | kubeconform -strict -summary -skip ExternalSecret,ServiceMonitor -schema-location \
    "$work/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"
}
nonsense_is_noticed() { rendered prod | sed 's/replicas: /replicsa: /' | refused 'replicsa' kubeconform -strict -schema-location "$work/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"; }

# ---- Releases, for the functions of the charts

# All objects, except events, leases and endpoints, which the cluster changes at any time.
objects() {
  local kinds
  kinds=$(kubectl api-resources --verbs=list,delete --output name | grep -vE '^(events|leases|endpoints)(\.|$)' | paste -sd,)
  kubectl get "$kinds" --all-namespaces --no-headers --output custom-columns=:kind,:metadata.namespace,:metadata.name |
    awk '{ print $1, $2, $3 }' | sort
}
objects_are() { diff "$1" <(objects); }
pods_are_created() { [[ $(kubectl --namespace "$1" get pods --selector "app.kubernetes.io/name=$2" -o name | wc -l) == "$3" ]]; }

on_a_server() {
  local name environment one
  check 'an API server starts' scripts/cluster.sh up --control-plane
  ((failed == 0)) || [[ -e $TRADEOPS_CLUSTER_DIR/kubeconfig ]] || return 0
  eval "$(scripts/cluster.sh env)"
  kubectl get --raw /openapi/v2 | $checks/openapi_schemas.py "$work/schemas"
  check 'the kinds of External Secrets and of the Prometheus operator' foreign_kinds
  for one in "$@"; do
    select_chart "$one"
    while IFS= read -r name; do check "$one: kubeconform: $name" conforms "$name"; done < <(names)
    check "$one: kubeconform notices a misspelt field" nonsense_is_noticed
    while IFS= read -r name; do
      check "the namespace $name, for restricted pods only" namespace "$name"
    done < <(printf '%s\n' "${namespaces[@]}" | sort -u)
    for environment in dev prod; do
      check "server-side dry run: kubectl apply -k ${manifests[$environment]}" server_accepts -k "${manifests[$environment]}"
    done
    while IFS= read -r name; do check "$one: server-side dry run: $name" server_accepts_variant "$name"; done < <(names)
    network_policies
    releases
  done
}

# The pinned Helm: other versions have other messages for values that the schema rejects.
path=$(scripts/tools.sh --pinned helm kubeconform kube-score cyclonus)
PATH=$path:$PATH
scripts/chart-dependencies.sh
(($#)) || set -- tradeops aegis-trader
check 'deploy/manifests is up to date' scripts/render-manifests.sh --check
check 'an umbrella chart packs both charts' umbrella_charts
check 'both charts as dependencies without a condition' without_condition
for one in "$@"; do
  select_chart "$one"
  with_helm
  for environment in dev prod; do check "$one: kube-score: $environment" scored $environment; done
done
on_a_server "$@"
echo "$passed passed, $failed failed"
((failed == 0))
