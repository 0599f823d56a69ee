# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # what sources it uses the variables; what is quoted is for people and for templates
# Sourced by the operators' scripts: which release is meant, and what reaches it. They read
#
# ENV         dev (the default), prod, or whatever else has a deploy/charts/tradeops/values-ENV.yaml
# NAMESPACE   trading-dev for dev, trading for prod, trading-ENV for others
# RELEASE     tradeops
# KUBECONFIG  as kubectl does; without it and without ~/.kube/config, the cluster of scripts/cluster.sh, if there is one
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly chart=$root/deploy/charts/tradeops
readonly environment=${ENV:-dev} release=${RELEASE:-tradeops}
case $environment in
  prod) namespace=${NAMESPACE:-trading} ;;
  *) namespace=${NAMESPACE:-trading-$environment} ;;
esac
readonly namespace
# Of all that the release has: the chart gives it to each object.
readonly selector=app.kubernetes.io/instance=$release
# On what a deploy makes beside the release, so that undeploy takes away that and nothing else.
readonly made_label=tradeops.dev/made-by
# On what `stop` has stopped: what it was before.
readonly stopped=tradeops.dev/stopped

# What the caller must change: no failure of ours.
give_up() {
  printf '%s\n' "$@" >&2
  exit 2
}

# The way to type a command again: with the variables that are not what they are by default.
again() {
  local words=()
  [[ $environment == dev ]] || words+=("ENV=$environment")
  [[ -z ${NAMESPACE:-} ]] || words+=("NAMESPACE=$namespace")
  [[ -z ${RELEASE:-} ]] || words+=("RELEASE=$release")
  local command="just ${words[*]}${words:+ }$*"
  echo "${command% }"
}

kube() { kubectl --namespace "$namespace" "$@"; }

helm() {
  if [[ -z ${helm_folder:-} ]]; then
    helm_folder=$("$root/scripts/tools.sh" helm)
    PATH=$helm_folder:$PATH "$root/scripts/chart-dependencies.sh"
  fi
  "$helm_folder/helm" --namespace "$namespace" "$@"
}

# Helm 4 asks before it overwrites what others have set, such as a number of replicas; 3 never did. The release is what counts.
overwriting() { if [[ $(helm version --template '{{ .Version }}') != v3* ]]; then echo --force-conflicts; fi; }

own_cluster_folder() { realpath -m "${TRADEOPS_CLUSTER_DIR:-/tmp/tradeops-cluster-$EUID}"; }

# Takes the cluster of scripts/cluster.sh where nobody named another one.
find_cluster() {
  [[ -z ${KUBECONFIG:-} && ! -e ~/.kube/config ]] || return 0
  if [[ -r $(own_cluster_folder)/kubeconfig ]]; then
    KUBECONFIG=$(own_cluster_folder)/kubeconfig
    export KUBECONFIG
  fi
  command -v kubectl >/dev/null || [[ ! -r $(own_cluster_folder)/kubectl ]] || PATH=$PATH:$(dirname "$(cat "$(own_cluster_folder)/kubectl")")
}

# Before all else: does a cluster answer at all?
need_cluster() {
  find_cluster
  command -v kubectl >/dev/null || give_up \
    'kubectl is missing: https://kubernetes.io/docs/tasks/tools, or that of scripts/cluster.sh: eval "$(scripts/cluster.sh env)"'
  local said
  said=$(kubectl get --raw /version --request-timeout=10s 2>&1 >/dev/null) || give_up \
    "no cluster answers. KUBECONFIG is ${KUBECONFIG:-not set}; kubectl says:" \
    "  ${said:0:300}" \
    'Name one with KUBECONFIG, or bring one up on this machine:' \
    '  just cluster-up   as root, without Docker; then: eval "$(scripts/cluster.sh env)"' \
    '  just kind-up      with Docker and kind'
}

need_release() {
  need_cluster
  helm status "$release" >/dev/null 2>&1 || give_up \
    "there is no release $release in the namespace $namespace. To deploy it: $(again deploy)"
}

# Where images come from: own (scripts/cluster.sh), kind, or a registry.
cluster_kind() {
  local context
  context=$(kubectl config current-context 2>/dev/null || true)
  if [[ -n ${KUBECONFIG:-} && -e $(dirname "$KUBECONFIG")/.tradeops-cluster ]]; then
    echo own
  elif [[ $context == kind-* ]]; then
    echo kind
  else
    echo registry
  fi
}

values_file() {
  [[ -e $chart/values-$environment.yaml ]] || give_up \
    "ENV is $environment, and there is no deploy/charts/tradeops/values-$environment.yaml"
  echo "$chart/values-$environment.yaml"
}

# From rendered manifests: what pods take from Secrets, as lines "SECRET KEY".
secrets_in() {
  sed -nE 's/.*secretKeyRef: \{name: ([^,]+), key: ([^}]+)\}.*/\1 \2/p
    s/.*secretName: ([^,]+), items: \[\{key: ([^,]+),.*/\1 \2/p' | sort -u
}

# The keys of a Secret, never its values. Fails if there is no such Secret.
keys_of() { kube get secret "$1" --output 'go-template={{ range $key, $value := .data }}{{ $key }}{{ "\n" }}{{ end }}' 2>/dev/null; }

# Lines "SECRET KEY" of the given ones that are not there.
missing_secrets() {
  local secret key keys
  while read -r secret key; do
    # Not as a pipe: grep ends at the first match, and kubectl would fail as it writes the rest.
    keys=$(keys_of "$secret" || true)
    grep -qxF -e "$key" <<<"$keys" || echo "$secret $key"
  done
}

# Why pods do not run, as far as the cluster says.
explain_pods() {
  local column='{range .items[*]}{.metadata.name}{range .status.initContainerStatuses[*]}{"\t"}{.state.waiting.reason}{" "}{.state.waiting.message}{end}{range .status.containerStatuses[*]}{"\t"}{.state.waiting.reason}{" "}{.state.waiting.message}{end}{"\n"}{end}'
  kube get pods --selector "$selector" --output "jsonpath=$column" | awk -F '\t' '{ gsub(/[\t ]+$/, "") } /\t[A-Za-z]/ { print "  " $0 }'
}

# The row of docs/OPERATIONS.md is the next thing to read.
explain_failure() {
  {
    echo "pods of $release in $namespace:"
    kube get pods --selector "$selector" --output wide
    explain_pods
    echo 'warnings:'
    kube get events --field-selector type=Warning --sort-by .lastTimestamp \
      --output 'custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message' | cut -c1-300 | tail -n 12
    echo 'the last lines of trigger-api:'
    kube logs deployment/trigger-api --tail 20 || true
    echo 'what to do about it: docs/OPERATIONS.md, "Deploying"'
  } >&2 2>&1
}
