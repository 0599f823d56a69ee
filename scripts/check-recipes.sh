#!/usr/bin/env bash
# Checks the operators' recipes (tradeops.sh, deploy.sh, registry.sh) on a real API server and its controllers. There is no node: a loop
# sets the status of pods, and NATS does not run. crates/e2e tests the recipes with running pods. The last line has the counts.
#
#   scripts/check-recipes.sh [CHART...]    with all charts, or the named ones
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
# The state folder of a cluster must have a short path.
export TRADEOPS_CLUSTER_DIR=$work/cluster
pods_pid=

clean_up() {
  stop_pods
  scripts/cluster.sh down >/dev/null || echo 'scripts/cluster.sh could not delete the whole cluster of the checks' >&2
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM
# shellcheck source=scripts/checks.sh
source scripts/checks.sh

# prints EXPECTED COMMAND...: checks that the command succeeds and prints the text.
prints() {
  local expected=$1 output
  shift
  output=$("$@" 2>&1) || { echo "$output" && return 1; }
  [[ $output == *"$expected"* ]] || { printf 'expected: %s\ngot: %s\n' "$expected" "$output" && return 1; }
}
# prints_nothing_about TEXT COMMAND...
prints_nothing_about() {
  local output
  output=$("${@:2}" 2>&1) || { echo "$output" && return 1; }
  [[ $output != *"$1"* ]] || { echo "$output" && return 1; }
}

deploy() { scripts/deploy.sh "$@"; }
operate() { scripts/tradeops.sh "$@"; }
# status_lacks TEXT: the exit code is about problems, and without a node, the release's API never answers.
status_lacks() {
  local output
  output=$(operate status 2>&1) || true
  [[ $output != *"$1"* ]] || { echo "$output" && return 1; }
}
kube() { kubectl --namespace "$namespace" "$@"; }
field() { kube get "$1" --output "jsonpath={$2}"; }
is() { [[ $2 == "$1" ]] || { printf 'expected: %s\ngot: %s\n' "$1" "$2" && return 1; }; }

# ---- Pods. Without a node, they stay pending.

# Until stop_pods, sets new pods to ready, and those of Jobs to succeeded.
start_pods() {
  local ready='{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}'
  {
    local pod owner status
    while sleep 0.3; do
      while read -r pod owner; do
        status=$ready
        [[ $owner != Job ]] || status='{"status": {"phase": "Succeeded"}}'
        kube patch "pod/$pod" --subresource status --patch "$status" || true
      done < <(kube get pods --field-selector status.phase=Pending --no-headers --output 'custom-columns=:metadata.name,:metadata.ownerReferences[0].kind')
    done
  } >/dev/null 2>&1 &
  pods_pid=$!
}
stop_pods() {
  [[ -z $pods_pid ]] || kill "$pods_pid" 2>/dev/null || true
  pods_pid=
}

# records_pods FILE COMMAND...: writes the name and image of each pod that exists while the command runs.
records_pods() {
  local file=$1 pid status=0
  shift
  kube get pods --watch --no-headers --output 'custom-columns=:metadata.name,:spec.containers[0].image' --request-timeout=0 >"$file" 2>&1 &
  pid=$!
  # The watch has started when it has listed the existing pods, but here are none.
  sleep 1
  "$@" || status=$?
  kill $pid
  return $status
}
no_pods() { is '' "$(kube get pods --field-selector status.phase!=Succeeded --output name)"; }
has_only_images_of() {
  grep -E "$2" "$1" >/dev/null || { cat "$1" && return 1; }
  ! grep -vE "$2" "$1"
}

# ---- Any release

refuses_without_a_release() {
  local command expected="the namespace $namespace has no release $RELEASE"
  for command in status stop start restart logs port-forward "$@"; do refused "$expected" operate "$command"; done
  for command in update rollback undeploy; do refused "$expected. To deploy it: just RELEASE=$RELEASE deploy" deploy $command; done
}

misspelt_release() {
  refused 'has no release aegis-tradr' env RELEASE=aegis-tradr scripts/tradeops.sh status
  refused 'no release aegis-tradr is installed in the namespace trading-dev, aegis-trader, so its chart is not known' env RELEASE=aegis-tradr scripts/registry.sh registry-status
  refused 'CHART=aegis-trader RELEASE=aegis-tradr just deploy' env RELEASE=aegis-tradr scripts/deploy.sh deploy
  refused 'the chart aegis is not one of this project: they are tradeops and aegis-trader' env RELEASE=x CHART=aegis scripts/deploy.sh history
  refused 'the namespace trading-dev has no release x. To deploy it: just RELEASE=x CHART=tradeops deploy' env RELEASE=x CHART=tradeops scripts/deploy.sh history
}

# ---- The chart aegis-trader

reports_what_it_waits_for() {
  local output
  if output=$(TIMEOUT=20s deploy deploy 2>&1); then echo 'it succeeded' && return 1; fi
  echo "$output"
  grep -E '^after [0-9]+ s: .*aegis-trader-nats-0 is not scheduled to a node' <<<"$output"
  grep 'persistentvolumeclaim aegis-trader-nats-js-aegis-trader-nats-0 has no volume' <<<"$output"
}
shows_problems() {
  refused 'pod aegis-trader-nats-0 is not scheduled to a node' operate status
  refused 'kubectl -n aegis-trader describe pod aegis-trader-nats-0' operate status
  refused 'persistentvolumeclaim aegis-trader-nats-js-aegis-trader-nats-0 has no volume' operate status
  refused 'missing  pod aegis-trader-nats-0 is not scheduled to a node' operate doctor
  refused 'ok       Kubernetes v1.' operate doctor
}
becomes_ready() {
  prints 'ready after' deploy deploy
  status_lacks '  pod aegis-trader'
}
is_stopped() {
  prints 'is stopped; the volumes of NATS and their data are kept' operate stop
  eventually 20 no_pods
  refused 'deployment aegis-trader-monitor-api is stopped' operate status
  refused 'to start it: just RELEASE=aegis-trader start' operate status
  refused 'deployment/aegis-trader-nats-box is stopped. To start it: just RELEASE=aegis-trader start' scripts/registry.sh nats-cli stream list
  refused 'the release aegis-trader in aegis-trader has no pod of monitor-api' operate logs
  refused 'the release aegis-trader in aegis-trader has no pod of orders' operate logs orders
}
# Old pods would start with the old settings, and be replaced at once.
deploys_stopped_nats() {
  TAG=two records_pods "$work/pods" deploy deploy --set nats.tag=2.99.0-1
  has_only_images_of "$work/pods" '/(monitor-api:two|nats:2\.99\.0-1|nats-box:[0-9.]+-1)$'
  is 1 "$(field statefulset/aegis-trader-nats .spec.replicas)"
  status_lacks stopped
  prints_nothing_about 'tradeops.dev/stopped' kube get deployments,statefulsets --output yaml
}
starts_what_was_stopped() {
  operate stop
  operate start
  is 1 "$(field deployment/aegis-trader-monitor-api .spec.replicas)"
  # An old annotation does not change what runs.
  kube annotate deployment/aegis-trader-monitor-api tradeops.dev/stopped=5
  operate start
  is 1 "$(field deployment/aegis-trader-monitor-api .spec.replicas)"
}
names_dropped_settings() {
  prints 'nats.tag=2.99.0-1' deploy deploy --set nats.kvStore.ttlSeconds=60
  prints_nothing_about 'kvStore' deploy update
  is 60 "$(field configmap/aegis-trader-create-kv-bucket .data.TTL_SECONDS)"
  prints 'nats.kvStore.ttlSeconds=60' deploy deploy
  is 30 "$(field configmap/aegis-trader-create-kv-bucket .data.TTL_SECONDS)"
}
image_of_api() { field deployment/aegis-trader-monitor-api '.spec.template.spec.containers[0].image'; }
updates_without_a_restart_of_nats() {
  local before
  before=$(field pod/aegis-trader-nats-0 .metadata.uid)
  TAG=three deploy update-api
  is registry.example.com/monitor-api:three "$(image_of_api)"
  refused 'three' operate status
  TAG=four deploy update
  is registry.example.com/monitor-api:four "$(image_of_api)"
  deploy update-ui registry.example.com/ui:1
  is "$before" "$(field pod/aegis-trader-nats-0 .metadata.uid)"
}
keeps_an_own_image() {
  deploy deploy --set monitorApi.image=example.com/own:7
  TAG=five deploy update
  is example.com/own:7 "$(image_of_api)"
  refused 'just RELEASE=aegis-trader update-api --set-string monitorApi.image=' deploy update-api
  TAG=six deploy update-api --set-string monitorApi.image=
  is registry.example.com/monitor-api:six "$(image_of_api)"
}
finds_the_chart_of_a_release() {
  helm install other deploy/charts/aegis-trader --namespace "$namespace" --set-string image.tag=one --set nats.replicas=1 --no-hooks
  refused 'other-nats' env RELEASE=other scripts/tradeops.sh status
  helm uninstall other --namespace "$namespace"
  kube delete persistentvolumeclaim other-nats-js-other-nats-0
}
ends_with_its_claims() {
  local output
  output=$(deploy undeploy)
  echo "$output"
  grep 'the namespace aegis-trader is kept, because it has the volumes of NATS' <<<"$output"
  grep 'kubectl -n aegis-trader delete persistentvolumeclaim/aegis-trader-nats-js-aegis-trader-nats-0$' <<<"$output"
  refused 'nats.replicas is 3, but the claims aegis-trader-nats-js-aegis-trader-nats-N are those of 1' env ENV=prod scripts/deploy.sh deploy
  kube delete persistentvolumeclaims --all
}

# ---- The chart tradeops

database() { field secret/trades-sync-secret .data.DATABASE_URL | base64 -d; }
takes_a_database_later() {
  DATABASE_URL=postgres://reader@db.example.com/trades prints 'changed DATABASE_URL of the Secret trades-sync-secret' deploy deploy
  is postgres://reader@db.example.com/trades "$(database)"
  # Without an address, the one that exists is kept.
  deploy deploy
  is postgres://reader@db.example.com/trades "$(database)"
}
suspended() { field cronjob/trades-sync-midday .spec.suspend; }
deploys_stopped_schedules() {
  deploy deploy --set tradesSync.suspend=false
  is false "$(suspended)"
  operate stop
  eventually 20 no_pods
  is true "$(suspended)"
  refused 'cronjob trades-sync-midday is stopped' operate status
  TAG=two records_pods "$work/pods" deploy deploy --set tradesSync.suspend=false
  has_only_images_of "$work/pods" '/trigger-api:two$'
  is false "$(suspended)"
  operate stop
  operate start
  is false "$(suspended)"
}

# ---- The volumes of the node of scripts/cluster.sh

provide_volumes() {
  RELEASE=volumes CHART=aegis-trader KUBECONFIG=$TRADEOPS_CLUSTER_DIR/kubeconfig bash -euc \
    'source scripts/release.sh; source scripts/deploy/volumes.sh; provide_volumes'
}
bind_claim() {
  kube create --filename - <<END
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: volumes-nats-js-volumes-nats-0}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
END
  eventually 20 claim_is_bound
}
claim_is_bound() { is Bound "$(field persistentvolumeclaim/volumes-nats-js-volumes-nats-0 .status.phase)"; }
replaces_volumes() {
  local folder=$TRADEOPS_CLUSTER_DIR/volumes/aegis-trader-volumes-nats-js-volumes-nats-0
  provide_volumes
  bind_claim
  touch "$folder/stream"
  # As long as the claim exists, so does the data.
  provide_volumes
  [[ -e $folder/stream ]]
  kube delete persistentvolumeclaim volumes-nats-js-volumes-nats-0
  provide_volumes
  bind_claim
  [[ -d $folder && ! -e $folder/stream ]]
  kube delete persistentvolumeclaim volumes-nats-js-volumes-nats-0
}

with_aegis-trader() {
  export RELEASE=aegis-trader namespace=aegis-trader
  check 'without the release, each recipe names the command that deploys it' refuses_without_a_release
  check 'a deploy reports every 10 seconds what it waits for' reports_what_it_waits_for
  check 'status and doctor report pending pods and claims, with the next step' shows_problems
  start_pods
  check 'the same deploy, when the pods become ready' becomes_ready
  check 'stop, and recipes that need a pod' is_stopped
  check 'a deploy of a stopped release starts no old pod' deploys_stopped_nats
  check 'stop and start' starts_what_was_stopped
  check 'deploy names the settings that it drops, and update keeps them' names_dropped_settings
  check 'update, update-api and update-ui do not restart NATS' updates_without_a_restart_of_nats
  check 'update keeps an image that the operator has set' keeps_an_own_image
  check 'the chart of another release is that of the installed one' finds_the_chart_of_a_release
  if ((EUID == 0)); then
    check 'a volume whose claim was deleted is replaced' replaces_volumes
  else
    echo 'skipped: the volumes of the node, which needs root'
  fi
  check 'undeploy keeps the claims, and another number of servers on them is refused' ends_with_its_claims
  stop_pods
}

with_tradeops() {
  export RELEASE=tradeops namespace=trading-dev
  check 'without the release, each recipe names the command that deploys it' refuses_without_a_release runs trigger
  start_pods
  check 'a deploy of a stopped release starts no old pod, and resumes the schedules' deploys_stopped_schedules
  check 'a database that is given to a later deploy is used' takes_a_database_later
  check 'undeploy' prints 'namespace "trading-dev" deleted' deploy undeploy
  stop_pods
}

PATH=$(scripts/tools.sh helm):$PATH
check 'an API server starts' scripts/cluster.sh up --control-plane
[[ -e $TRADEOPS_CLUSTER_DIR/kubeconfig ]] || exit 1
eval "$(scripts/cluster.sh env)"
# Beside its own kubeconfig, images would be loaded into the node.
cp "$KUBECONFIG" "$work/kubeconfig"
export KUBECONFIG=$work/kubeconfig ENV=dev REGISTRY=registry.example.com TAG=one XDG_RUNTIME_DIR=$work
# Built once, and not before each command.
scripts/tradeops.sh --version >/dev/null
export TRADEOPS=${CARGO_TARGET_DIR:-target}/debug/tradeops
check 'a misspelt release selects no chart' misspelt_release
(($#)) || set -- tradeops aegis-trader
for chart in "$@"; do "with_$chart"; done
echo "$passed passed, $failed failed"
((failed == 0))
