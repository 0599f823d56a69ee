#!/usr/bin/env bash
# Operates a deployed release.
#
#   scripts/operate.sh status                  shows the release, problems of its pods, and the next commands
#   scripts/operate.sh stop | start            removes the pods and suspends schedules; start restores both
#   scripts/operate.sh restart                 replaces the pods one by one
#   scripts/operate.sh port-forward start|stop|status    the services of the release at ports of this machine
#
# The release tradeops (the forwarded port is PORT, default 8000):
#
#   scripts/operate.sh trigger [TARGET] [NAME=VALUE...]    starts a run of a target, or of the default one, with these parameters
#   scripts/operate.sh retry RUN               starts the target of a run again, with the run's parameters
#   scripts/operate.sh analyse [YYYY-MM-DD]    analyzes the portfolio, waits for the end, and prints the totals
#   scripts/operate.sh runs [TARGET]           lists the newest runs, scheduled and manual
#   scripts/operate.sh logs [RUN]              follows the log of a run to its end; without a run, prints that of trigger-api
#
# The release aegis-trader (the forwarded ports are UI_PORT, API_PORT and NATS_PORT, default 3100, 8100 and 4222):
#
#   scripts/operate.sh logs [COMPONENT]        prints the log of monitor-api, or of nats, monitor-ui, nats-box, create-kv-bucket, or a service
#   scripts/operate.sh registry-status         prints the services, instances and definitions, and the settings of the bucket
#   scripts/operate.sh nats-cli ARGUMENT...    runs nats in nats-box
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. Credentials come from the release's Secrets.
set -euo pipefail
case ${1-} in registry-status | nats-cli) RELEASE=${RELEASE:-${CHART:-aegis-trader}} ;; esac
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"
# shellcheck source=scripts/operate/api.sh
source "$root/scripts/operate/api.sh"
# shellcheck source=scripts/operate/port-forward.sh
source "$root/scripts/operate/port-forward.sh"
# shellcheck source=scripts/operate/aegis-trader.sh
source "$root/scripts/operate/$chart_name.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

status() {
  need_release
  helm status "$release" --output json | "$root/scripts/show_runs.py" release
  kube get "$kinds_to_show" --selector "$selector" --output wide 2>/dev/null | cut -c1-160
  local problems
  problems=$(problems)
  [[ -z $problems ]] || printf '\nProblems:\n%s\n' "$problems"
  printf '\nNext:\n'
  {
    next_commands
    if (($(kube get secrets --selector "owner=helm,name=$release" --output name | wc -l) > 1)); then
      printf '%s\t%s\n' "$(again rollback)" 'return to the previous revision'
    fi
    printf '%s\t%s\n' "$(again undeploy)" 'remove the release'
  } | awk -F '\t' '
    { command[NR] = $1; purpose[NR] = $2; if (length($1) > width) width = length($1) }
    END { for (i = 1; i <= NR; i++) printf "  %-*s  %s\n", width, command[i], purpose[i] }'
}

# ---- Stop and start

# Prints lines "KIND/NAME VALUE" of the release's objects: scaled_objects JSONPATH.
workloads() { kube get "$1" --selector "$selector" --output "jsonpath={range .items[*]}$1/{.metadata.name} $2{\"\n\"}{end}"; }

# Does not change what is already stopped or suspended, so that start does not start it either.
stop() {
  need_release
  local kind object value
  # NATS last, because the others use it.
  for kind in deployments statefulsets; do
    while read -r object value; do
      [[ $value != 0 ]] || continue
      kube annotate --overwrite "$object" "$stopped=$value"
      kube scale "$object" --replicas 0
    done < <(workloads "$kind" '{.spec.replicas}')
  done
  while read -r object value; do
    [[ $value == true ]] || kube patch "$object" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": \"false\"}}, \"spec\": {\"suspend\": true}}"
  done < <(workloads cronjobs '{.spec.suspend}')
  echo "stopped; $after_stop. To start it again: $(again start)"
}

# An annotation of an object that runs again is outdated: its replicas may have been changed since.
start() {
  need_release
  local kind object current value annotation="{.metadata.annotations.${stopped//./\\.}}"
  for kind in statefulsets deployments; do
    while read -r object current value; do
      [[ -n $value ]] || continue
      ((current > 0)) || kube scale "$object" --replicas "$value"
      kube annotate "$object" "$stopped-"
    done < <(workloads "$kind" "{.spec.replicas} $annotation")
  done
  while read -r object value; do
    [[ -z $value ]] || kube patch "$object" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": null}}, \"spec\": {\"suspend\": $value}}"
  done < <(workloads cronjobs "$annotation")
  wait_for_pods
}

restart() {
  need_release
  local objects=()
  mapfile -t objects < <(kube get statefulsets,deployments --selector "$selector" --output name)
  kube rollout restart "${objects[@]}"
  wait_for_pods
}

wait_for_pods() {
  local object
  for object in $(kube get statefulsets,deployments --selector "$selector" --output name); do
    kube rollout status "$object" --timeout "$timeout" || {
      explain_failure
      exit 1
    }
  done
}

# need_pods WORKLOAD: gives up if the release does not have the workload, or has stopped it.
need_pods() {
  local replicas
  replicas=$(kube get "$1" --ignore-not-found --output 'jsonpath={.spec.replicas}')
  [[ -n $replicas ]] || give_up "the release $release in $namespace has no $1: $(kube get statefulsets,deployments --selector "$selector" --output 'jsonpath={.items[*].metadata.name}')"
  ((replicas > 0)) || give_up "$1 is stopped. To start it: $(again start)"
}

# chart_command NAME ARGUMENT...: runs a command that only releases of this chart have.
chart_command() {
  [[ -n ${1-} && " ${chart_commands[*]} " == *" $1 "* ]] || {
    echo "the release $release of the chart $chart_name does not have the command ${1-}" >&2
    usage
  }
  "$@"
}

body=$(mktemp)
trap 'rm -f "$body"; disconnect' EXIT
command=${1-}
case $command in
  status | stop | start | restart)
    (($# == 1)) || usage
    "$command"
    ;;
  port-forward)
    (($# <= 2)) || usage
    port_forward "${2-}"
    ;;
  nats-cli | trigger) chart_command "$@" ;;
  *)
    (($# <= 2)) || usage
    chart_command "$@"
    ;;
esac
