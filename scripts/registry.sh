#!/usr/bin/env bash
# The registry of the release aegis-trader, and its NATS.
#
#   scripts/registry.sh registry-status         prints the services, instances and definitions, and the settings of the bucket
#   scripts/registry.sh nats-cli ARGUMENT...    runs nats in nats-box
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. Credentials come from the release's Secrets.
set -euo pipefail
RELEASE=${RELEASE:-${CHART:-aegis-trader}}
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"
[[ $chart_name == aegis-trader ]] || give_up "the release $release of the chart $chart_name has no registry: RELEASE=aegis-trader just ${1-}"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# need_pods WORKLOAD: gives up if the release does not have the workload, or has stopped it.
need_pods() {
  local replicas
  replicas=$(kube get "$1" --ignore-not-found --output 'jsonpath={.spec.replicas}')
  [[ -n $replicas ]] || give_up "the release $release in $namespace has no $1"
  ((replicas > 0)) || give_up "$1 is stopped. To start it: $(again start)"
}

# Runs a shell command in the pod of nats-box, whose context has the address of NATS and the credentials.
in_nats_box() { kube exec "deployment/$release-nats-box" --container nats-box -- /bin/sh -c "$@"; }

nats-cli() {
  (($#)) || give_up "name a command of nats: $(again 'nats-cli stream list'); $(again 'nats-cli --help') lists them"
  need_release
  need_pods "deployment/$release-nats-box"
  local terminal=()
  [[ ! -t 0 || ! -t 1 ]] || terminal=(--tty)
  kube exec --stdin "${terminal[@]}" "deployment/$release-nats-box" --container nats-box -- nats "$@"
}

# Prints what monitor-api reports, or, if it can't be reached, what the buckets contain.
registry-status() {
  need_release
  if "$root/scripts/tradeops.sh" get /api/registry >"$body"; then
    "$root/scripts/show_registry.py" report <"$body"
  else
    echo "$api is not available. The following is read from NATS through nats-box."
    need_pods "deployment/$release-nats-box"
    read_buckets >"$body"
    "$root/scripts/show_registry.py" buckets <"$body"
  fi
}

# Prints, for each bucket of the registry, a line of its information and then its newest entries, or a line with the error.
read_buckets() {
  local bucket
  bucket=$(helm get values "$release" --all --output json | "$root/scripts/show_registry.py" bucket-name)
  # The number of keys ends the subscription. Without messages, it ends after two seconds.
  # shellcheck disable=SC2016 # expanded in the pod
  in_nats_box 'for bucket in "$@"; do
    if info=$(nats stream info "KV_$bucket" --json 2>&1); then
      printf "@information %s\n" "$(echo "$info" | tr -d "\n")"
      keys=$(echo "$info" | sed -n "s/.*\"num_subjects\": \([0-9]*\).*/\1/p")
      [ "${keys:-0}" -eq 0 ] || nats sub "\$KV.$bucket.>" --stream "KV_$bucket" --last-per-subject --count "$keys" --wait 2s 2>/dev/null
    else
      printf "@error %s %s\n" "$bucket" "$(echo "$info" | tr "\n" " ")"
    fi
  done' read-buckets "$bucket" service_definitions
}

body=$(mktemp)
trap 'rm -f "$body"' EXIT
case ${1-} in
  registry-status)
    (($# == 1)) || usage
    registry-status
    ;;
  nats-cli) "$@" ;;
  *) usage ;;
esac
