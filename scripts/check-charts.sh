#!/usr/bin/env bash
# Checks the charts and the rendered manifests: with Helm, with linters, and on a real API server that it starts and stops. The
# data of the checks is in deploy/charts/checks. The last line has the counts.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly chart=deploy/charts/tradeops checks=deploy/charts/checks
readonly tag=4a0f3c9d2b7e61588c0d94f1a3e6b2d7c5f80e19
passed=0 failed=0
work=$(mktemp -d)
# The state folder of a cluster must have a short path.
export TRADEOPS_CLUSTER_DIR=$work/cluster

clean_up() {
  scripts/cluster.sh down >/dev/null || echo 'scripts/cluster.sh could not delete the whole cluster of the checks' >&2
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# check TITLE COMMAND...: prints a line; the output of the command only if it fails.
check() {
  local title=$1 output began=$SECONDS
  shift
  # As the condition of an `if`, the command would continue after an error.
  set +e
  output=$(set -e; "$@" 2>&1)
  local status=$?
  set -e
  if ((status == 0)); then
    passed=$((passed + 1))
    printf 'ok      %-90s %3d s\n' "$title" $((SECONDS - began))
  else
    failed=$((failed + 1))
    echo "FAILED  $title"
    tail -n 40 <<<"$output" | while IFS= read -r line; do printf '        %s\n' "$line"; done
  fi
}

kubectl() { command kubectl --request-timeout=30s "$@"; }
# eventually SECONDS COMMAND...: repeats the command until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    ((SECONDS < deadline)) || { echo "$output" && return 1; }
    sleep 0.3
  done
}
# refused EXPECTED COMMAND...: checks that the command fails with the expected text.
refused() {
  local expected=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo 'it succeeded' && return 1
  fi
  [[ $output == *"$expected"* ]] || { printf 'expected: %s\ngot: %s\n' "$expected" "$output" && return 1; }
}

# ---- With Helm

# The variants to render: a name, and the options of helm.
declare -A variants=(
  [defaults]=''
  [dev]="--values $chart/values-dev.yaml"
  [prod]="--values $chart/values-prod.yaml"
  [prod, New York]="--values $chart/values-prod.yaml --values $chart/values-new-york.yaml"
  [everything]="--values $chart/values-prod.yaml --values $checks/values-everything.yaml"
  [history on a volume]='--set triggerApi.history.store=persistentVolumeClaim --set triggerApi.history.persistentVolumeClaim.storageClassName=fast'
  [trigger-api alone]='--set tradesSync.enabled=false --set portfolioTrigger.enabled=false --set networkPolicies.enabled=false --set triggerApi.auth.internalToken.existingSecret= --set triggerApi.auth.adminSecret.existingSecret= --set triggerApi.sourceDatabase.existingSecret='
  [trades-sync alone]='--set triggerApi.enabled=false --set portfolioTrigger.enabled=false'
)
names() { printf '%s\n' "${!variants[@]}" | sort; }

# shellcheck disable=SC2086 # several options
rendered() { helm template tradeops $chart --namespace trading --set-string image.tag=$tag ${variants[$1]}; }
# shellcheck disable=SC2086
linted() { helm lint --strict $chart --namespace trading --set-string image.tag=$tag ${variants[$1]}; }

bad_values_are_refused() {
  local line options expected
  while IFS= read -r line; do
    [[ -n $line && $line != \#* ]] || continue
    options=${line%% | *} expected=${line#* | }
    options=${options%"${options##*[! ]}"}
    # shellcheck disable=SC2086
    check "refused: $options" refused "${expected#"${expected%%[! ]*}"}" \
      helm template tradeops $chart --values <(echo "image: {tag: $tag}") $options
  done <$checks/bad-values.txt
}

with_helm() {
  local name
  while IFS= read -r name; do check "helm lint --strict: $name" linted "$name"; done < <(names)
  bad_values_are_refused
  check 'deploy/manifests is up to date' scripts/render-manifests.sh --check
}

# Runs kube-score without the checks that do not apply.
scored() {
  local ignored=(
    # Requests already share the processor fairly; a limit would only leave it idle. Memory is limited.
    --ignore-container-cpu-limit
    # Tags are commits, so an image never changes. Pulling it at every start would only add outages of the registry.
    --ignore-test container-image-pull-policy
    # Root file systems are read-only. trigger-api writes only its history, which HISTORY_RUNS limits; the kubelet rotates logs.
    --ignore-test container-ephemeral-storage-request-and-limit
  ) files
  # dev has one replica on purpose.
  [[ $1 == prod ]] || ignored+=(--ignore-test deployment-replicas)
  mapfile -t files < <(find "deploy/manifests/$1" -name '*.yaml' ! -name kustomization.yaml)
  kube-score score --kubernetes-version v1.36 --exit-one-on-warning "${ignored[@]}" "${files[@]}"
}

# ---- NetworkPolicies

ask_cyclonus() {
  kubectl kustomize deploy/manifests/prod | kubectl create --dry-run=client -o json -f - |
    $checks/network_policies.py $checks/who-may-call.txt >"$work/network"
}
network_policies() {
  local verdict
  check 'cyclonus answers for every line of who-may-call.txt' ask_cyclonus
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
server_accepts_variant() { server_accepts --namespace trading -f <(rendered "$1"); }

conforms() {
  # The schemas of these two kinds are not part of the OpenAPI document of Kubernetes.
  rendered "$1" | kubeconform -strict -summary -skip ExternalSecret,ServiceMonitor -schema-location \
    "$work/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"
}
nonsense_is_noticed() { rendered prod | sed 's/replicas: 2/replicsa: 2/' | refused 'replicsa' kubeconform -strict -schema-location "$work/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"; }

# ---- Releases

install() { helm upgrade --install tradeops $chart --namespace "$1" --values $chart/values-prod.yaml --set-string image.tag=$tag "${@:2}"; }
# All objects, except events, leases and endpoints, which the cluster changes at any time.
objects() {
  local kinds
  kinds=$(kubectl api-resources --verbs=list,delete --output name | grep -vE '^(events|leases|endpoints)(\.|$)' | paste -sd,)
  kubectl get "$kinds" --all-namespaces --no-headers --output custom-columns=:kind,:metadata.namespace,:metadata.name |
    awk '{ print $1, $2, $3 }' | sort
}
objects_are() { diff "$1" <(objects); }
as_trigger_api() { kubectl --namespace "$1" --as "system:serviceaccount:$1:trigger-api-sa" "${@:2}"; }
pods_are_created() { [[ $(kubectl --namespace "$1" get pods --selector "app.kubernetes.io/name=$2" -o name | wc -l) == "$3" ]]; }

# The admission policies accept only Jobs that equal their CronJob's template, and Pod Security accepts the pods of schedules.
release_works() {
  local namespace=$1
  eventually 20 pods_are_created "$namespace" trigger-api 2
  # The server applies new policies after a delay.
  eventually 20 refused 'trigger-api may create and delete only Jobs of its targets' \
    as_trigger_api "$namespace" create job evil --image=evil --dry-run=server
  eventually 10 as_trigger_api "$namespace" create job trades-sync-midday-a123456789 --from=cronjob/trades-sync-midday
  eventually 20 pods_are_created "$namespace" trades-sync 1
  as_trigger_api "$namespace" create job trades-sync-midday-b123456789 --from=cronjob/trades-sync-midday --dry-run=client -o json |
    sed 's/"image": "[^"]*"/"image": "evil"/' >"$work/evil.json"
  eventually 20 refused "the Job's pods are not those of the CronJob's template" \
    as_trigger_api "$namespace" create --dry-run=server -f "$work/evil.json"
  as_trigger_api "$namespace" delete job trades-sync-midday-a123456789
  refused 'forbidden' as_trigger_api "$namespace" get secrets
  kubectl --namespace "$namespace" create job by-hand --from=cronjob/portfolio-analysis-trigger
  eventually 20 pods_are_created "$namespace" portfolio-analysis-trigger 1
  [[ $(kubectl --namespace "$namespace" get pods --selector component=trigger -o name | wc -l) == 1 ]]
  # Only trigger-api's pods have a token.
  [[ $(kubectl --namespace "$namespace" get pods --selector 'app.kubernetes.io/name!=trigger-api' -o yaml) != *serviceAccountToken* ]]
  kubectl --namespace "$namespace" delete job by-hand
  refused 'forbidden' as_trigger_api "$namespace" --namespace default create job evil --image=evil
}

deployment() { kubectl --namespace one get deployment trigger-api -o 'jsonpath={.spec.replicas} {.spec.template}'; }
upgraded() {
  deployment >"$work/deployment"
  install one --set triggerApi.replicas=3 --set portfolioTrigger.enabled=false --set-json 'triggerApi.targets=[{"cronjob":"kraken-trading-job"}]'
  [[ $(deployment) == '3 '* ]]
  refused 'not found' kubectl --namespace one get cronjob portfolio-analysis-trigger
  refused 'not found' kubectl get validatingadmissionpolicybinding trigger-api-runs-the-template-trades-sync-midday.one
}
rolled_back() {
  helm rollback tradeops 1 --namespace one
  diff "$work/deployment" <(deployment)
  kubectl --namespace one get cronjob portfolio-analysis-trigger
  kubectl get validatingadmissionpolicybinding trigger-api-runs-the-template-trades-sync-midday.one
}
gone() { helm uninstall tradeops --namespace "$1" && eventually 60 objects_are "$2"; }
kept_policies_stay() {
  install one --set triggerApi.admissionPolicies.keep=true
  helm uninstall tradeops --namespace one
  eventually 60 only_policies_are_new
  install one
  helm uninstall tradeops --namespace one
  eventually 60 objects_are "$work/before"
}
only_policies_are_new() {
  local new
  new=$(comm -13 "$work/before" <(objects))
  [[ -n $new ]] && ! grep -v '^ValidatingAdmissionPolicy' <<<"$new"
}

releases() {
  local one
  for one in one two; do namespace $one >/dev/null; done
  eventually 20 kubectl --namespace two get configmap kube-root-ca.crt
  objects >"$work/before"
  check 'helm install' install one
  check 'the release works' release_works one
  objects >"$work/one"
  check 'a second release in another namespace' install two
  check 'the second release works' release_works two
  check 'the second release leaves nothing behind, and does not affect the first one' gone two "$work/one"
  check 'helm upgrade' upgraded
  check 'helm rollback' rolled_back
  check 'helm uninstall leaves nothing behind' gone one "$work/before"
  check 'admissionPolicies.keep keeps the policies, and a later install adopts them' kept_policies_stay
}

on_a_server() {
  local name environment
  check 'an API server starts' scripts/cluster.sh up --control-plane
  ((failed == 0)) || [[ -e $TRADEOPS_CLUSTER_DIR/kubeconfig ]] || return 0
  eval "$(scripts/cluster.sh env)"
  kubectl get --raw /openapi/v2 | $checks/openapi_schemas.py "$work/schemas"
  while IFS= read -r name; do check "kubeconform: $name" conforms "$name"; done < <(names)
  check 'kubeconform notices a misspelt field' nonsense_is_noticed
  for environment in trading trading-dev; do check "the namespace $environment, for restricted pods only" namespace $environment; done
  check 'the kinds of External Secrets and of the Prometheus operator' foreign_kinds
  for environment in dev prod; do
    check "server-side dry run: kubectl apply -k deploy/manifests/$environment" server_accepts -k "deploy/manifests/$environment"
  done
  while IFS= read -r name; do check "server-side dry run: $name" server_accepts_variant "$name"; done < <(names)
  network_policies
  releases
}

# The pinned Helm: other versions have other messages for values that the schema rejects.
path=$(scripts/tools.sh --pinned helm kubeconform kube-score cyclonus)
PATH=$path:$PATH
scripts/chart-dependencies.sh
with_helm
for environment in dev prod; do check "kube-score: $environment" scored $environment; done
on_a_server
echo "$passed passed, $failed failed"
((failed == 0))
