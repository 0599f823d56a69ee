# shellcheck shell=bash
# shellcheck disable=SC2034,SC2016 # the scripts that source this use the variables; texts and templates contain quoted dollars
# Sourced by the operators' scripts: selects the release and has the functions that reach it. Variables:
#
# RELEASE     tradeops (the default) or aegis-trader, each with the chart of its name; another name of an installed release of one of
#             these charts; or any other name together with CHART
# CHART       tradeops or aegis-trader; the default release has the name of the chart
# ENV         dev (the default), prod, or another name for which the chart has the file values-ENV.yaml
# NAMESPACE   by default, for the chart aegis-trader: aegis-trader; for tradeops: trading-dev for dev, trading for prod, trading-ENV for others
# KUBECONFIG  as for kubectl; without it and without ~/.kube/config, the cluster of scripts/cluster.sh if it is running
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly environment=${ENV:-dev} release=${RELEASE:-${CHART:-tradeops}}
# The chart labels each object of the release with it.
readonly selector=app.kubernetes.io/instance=$release
# The label of objects that deploy creates outside of the release, so that undeploy deletes only these.
readonly made_label=tradeops.dev/made-by
# The annotation of objects that `stop` changed; its value is the previous state.
readonly stopped=tradeops.dev/stopped

# Exits with 2: the caller has to change something.
give_up() {
  printf '%s\n' "$@" >&2
  exit 2
}

# again COMMAND: prints `just COMMAND` with the variables that differ from their defaults.
again() {
  local words=()
  [[ $environment == dev ]] || words+=("ENV=$environment")
  [[ -z ${NAMESPACE:-} ]] || words+=("NAMESPACE=$namespace")
  [[ -z ${RELEASE:-} ]] || words+=("RELEASE=$release")
  [[ -z ${CHART:-} ]] || words+=("CHART=$CHART")
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

default_namespace() {
  case $1/$environment in
    aegis-trader/*) echo aegis-trader ;;
    tradeops/prod) echo trading ;;
    tradeops/*) echo "trading-$environment" ;;
  esac
}

# Sets chart_name, chart and namespace. A misspelt name of a release must not select a chart.
select_chart() {
  local places=("${NAMESPACE:-$(default_namespace tradeops)}")
  [[ -n ${NAMESPACE:-} ]] || places+=("$(default_namespace aegis-trader)")
  chart_name=${CHART:-}
  if [[ -z $chart_name && $release =~ ^(tradeops|aegis-trader)$ ]]; then
    chart_name=$release
  elif [[ -z $chart_name ]]; then
    find_cluster
    for namespace in "${places[@]}"; do
      chart_name=$(helm get metadata "$release" --output json 2>/dev/null | sed -nE 's/.*"chart":"([^"]*)".*/\1/p') || true
      [[ -z $chart_name ]] || break
    done
    [[ -n $chart_name ]] || give_up \
      "no release $release is installed in the namespace ${places[*]/%/,} so its chart is not known. The releases of this project are tradeops and aegis-trader." \
      "To install another release, name its chart: CHART=aegis-trader RELEASE=$release just deploy"
  fi
  [[ $chart_name =~ ^(tradeops|aegis-trader)$ ]] || give_up "the chart $chart_name is not one of this project: they are tradeops and aegis-trader"
  namespace=${NAMESPACE:-${namespace:-$(default_namespace "$chart_name")}}
  readonly chart_name namespace chart=$root/deploy/charts/$chart_name
}

# The images of the chart, its HTTP API (the name of a Deployment and of its Service), and how long its pods take to become ready.
select_parts() {
  case $chart_name in
    aegis-trader)
      readonly images_of_chart=(nats nats-box monitor-api) api=$release-monitor-api
      # The servers of NATS are replaced one by one, and each of them first moves its clients to the others.
      readonly timeout=${TIMEOUT:-10m}
      ;;
    tradeops)
      readonly images_of_chart=(trigger-api trades-sync curl-trigger) api=trigger-api
      readonly timeout=${TIMEOUT:-3m}
      ;;
  esac
}

# Prints the tag of an image of this checkout, or of all images of crates.
image_tag() { "$root/scripts/images.sh" --tag "$@"; }

# Without the second option, Helm 4 does not overwrite fields that others have set, such as the number of replicas. Helm 3 always does.
# Without the first one, Helm 4 changes releases of Helm 3 as Helm 3 does, and rejects the second one.
force_option() { if [[ $(helm version --template '{{ .Version }}') != v3* ]]; then echo --server-side=true --force-conflicts; fi; }

cluster_folder() { realpath -m "${TRADEOPS_CLUSTER_DIR:-/tmp/tradeops-cluster-$EUID}"; }

# Selects the cluster of scripts/cluster.sh if no other one is configured.
find_cluster() {
  [[ -z ${KUBECONFIG:-} && ! -e ~/.kube/config ]] || return 0
  if [[ -r $(cluster_folder)/kubeconfig ]]; then
    KUBECONFIG=$(cluster_folder)/kubeconfig
    export KUBECONFIG
  fi
  command -v kubectl >/dev/null || [[ ! -r $(cluster_folder)/kubectl ]] || PATH=$PATH:$(dirname "$(cat "$(cluster_folder)/kubectl")")
}

# Fails early, with the reason, if the cluster can't be reached.
need_cluster() {
  find_cluster
  command -v kubectl >/dev/null || give_up \
    'kubectl is missing. Install it: https://kubernetes.io/docs/tasks/tools' \
    'or use the one of scripts/cluster.sh: eval "$(scripts/cluster.sh env)"'
  local error
  error=$(kubectl get --raw /version --request-timeout=10s 2>&1 >/dev/null) || give_up \
    "the cluster does not respond. KUBECONFIG is ${KUBECONFIG:-not set}; the error of kubectl:" \
    "  ${error:0:300}" \
    'Set KUBECONFIG to another cluster, or create one on this machine:' \
    '  just cluster-up   as root, without Docker; then: eval "$(scripts/cluster.sh env)"' \
    '  just kind-up      with Docker and kind'
}

need_release() {
  need_cluster
  local error
  error=$(helm status "$release" 2>&1 >/dev/null) && return
  [[ $error == *'release: not found'* ]] || give_up "the release $release can't be read: $error"
  give_up "the namespace $namespace has no release $release. To deploy it: $(again deploy)"
}

# Prints how the cluster gets images: own (loaded by scripts/cluster.sh), kind (loaded by kind), or registry.
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
    "ENV is $environment, but deploy/charts/$chart_name/values-$environment.yaml does not exist"
  echo "$chart/values-$environment.yaml"
}

# list WHAT: reads manifests, and prints what scripts/objects.py lists of them. kubectl converts them to JSON on this machine.
list() { kubectl annotate --local --filename - tradeops.dev/converted=yes --output json | "$root/scripts/objects.py" "$1"; }

# Prints the keys of a Secret. Fails if it does not exist.
keys_of() { kube get secret "$1" --output 'go-template={{ range $key, $value := .data }}{{ $key }}{{ "\n" }}{{ end }}' 2>/dev/null; }

# Reads lines "SECRET KEY", and prints those that do not exist.
missing_secrets() {
  local secret key keys
  while read -r secret key; do
    # Not a pipe: grep exits at the first match, and kubectl would then fail to write.
    keys=$(keys_of "$secret" || true)
    grep -qxF -e "$key" <<<"$keys" || echo "$secret $key"
  done
}

# Prints the objects of the release that can have problems, and the events of the namespace.
list_state() {
  kube get deployments,statefulsets,cronjobs,jobs,pods,persistentvolumeclaims --selector "$selector" --output json
  kube get events --output json
}

# Prints what the release waits for, with what to do: stopped objects, workloads without pods, pods that are not ready, claims without a volume.
problems() { list_state | "$root/scripts/show_problems.py" "$namespace" "$(again)"; }

# Prints the state of the pods after a failed deployment.
explain_failure() {
  {
    echo "pods of $release in $namespace:"
    kube get pods --selector "$selector" --output wide
    problems
    echo 'warnings:'
    kube get events --field-selector type=Warning --sort-by .lastTimestamp \
      --output 'custom-columns=OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message' | cut -c1-300 | tail -n 12
    echo "the last lines of $api:"
    kube logs "deployment/$api" --tail 20 || true
    echo 'for what to do, see docs/OPERATIONS.md, "Deploying"'
  } >&2 2>&1
}

select_chart
select_parts
