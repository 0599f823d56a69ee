#!/usr/bin/env bash
# Operates a deployed release.
#
#   scripts/operate.sh status                  shows the release, problems of its pods, and the next commands
#   scripts/operate.sh trigger [TARGET]        starts a run of a target, or of the default one
#   scripts/operate.sh analyse [YYYY-MM-DD]    analyzes the portfolio, waits for the end, and prints the totals
#   scripts/operate.sh runs [TARGET]           lists the newest runs, scheduled and manual
#   scripts/operate.sh logs [RUN]              follows the log of a run to its end; without a run, prints that of trigger-api
#   scripts/operate.sh stop | start            removes trigger-api's pods and suspends schedules; start restores both
#   scripts/operate.sh restart                 replaces the pods of trigger-api one by one
#   scripts/operate.sh port-forward start|stop|status    trigger-api at localhost:PORT (default 8000)
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. Credentials come from the release's Secrets.
set -euo pipefail
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# ---- The API

# Forwards a free port to trigger-api until this script ends, and sets address.
connect() {
  [[ -z $forward_pid ]] || return 0
  need_cluster
  local line
  coproc FORWARD { exec kubectl --namespace "$namespace" port-forward service/trigger-api :8000 2>&1; }
  # shellcheck disable=SC2153 # coproc sets it
  forward_pid=$FORWARD_PID
  read -r -t 30 line <&"${FORWARD[0]}" || line='no response'
  [[ $line =~ ^Forwarding\ from\ 127\.0\.0\.1:([0-9]+) ]] || give_up \
    "trigger-api in the namespace $namespace can't be reached: $line" "To see the reason: $(again status)"
  address=http://127.0.0.1:${BASH_REMATCH[1]}
}

# Prints the header with a credential of the release as a line of curl's configuration: other users can read arguments.
credential() {
  local header=$1 mounted=$2 secret key value
  IFS=' ' read -r secret key < <(kube get deployment trigger-api --output \
    "jsonpath={range .spec.template.spec.volumes[?(@.name==\"$mounted\")]}{.secret.secretName} {.secret.items[0].key}{\"\n\"}{end}") || true
  [[ -n ${secret:-} ]] || return 0
  value=$(kube get secret "$secret" --output "go-template={{ index .data \"$key\" | base64decode }}" | head -n 1)
  printf 'header = "%s: %s"\n' "$header" "$value"
}

# api METHOD PATH [CURL OPTION...]: uses the administrator's credential if the release has one, else the internal token.
api() {
  local method=$1 path=$2 credential
  shift 2
  connect
  credential=$(credential X-Admin-Secret admin-secret)
  [[ -n $credential ]] || credential=$(credential X-Internal-Token token)
  curl --silent --show-error --no-buffer --request "$method" --config - "$@" "$address$path" <<<"$credential"
}

# request METHOD PATH ...: writes the response to the file $body. Prints the problem and exits if the status is an error.
request() {
  local status
  status=$(api "$@" --output "$body" --write-out '%{http_code}')
  if ((status >= 400)); then
    "$root/scripts/show_runs.py" problem <"$body" >&2
    exit 1
  fi
}

trigger() {
  local path=/trigger-sync
  [[ -z ${1:-} ]] || path=/v1/targets/$1/runs
  request POST "$path"
  "$root/scripts/show_runs.py" started <"$body"
  echo "To follow it: $(again "logs $("$root/scripts/show_runs.py" id <"$body")")"
}

analyse() {
  local parameters='{}' run
  [[ -z ${1:-} ]] || parameters="{\"date\": \"$1\"}"
  request POST /api/admin/portfolio/trigger-analysis --header 'Content-Type: application/json' --data "$parameters"
  run=$("$root/scripts/show_runs.py" id <"$body")
  # The stream ends when the run does.
  api GET "/v1/runs/$run/events" >/dev/null
  request GET "/api/admin/portfolio/analysis-status/$run"
  "$root/scripts/show_runs.py" analysis <"$body"
}

runs() {
  request GET "/v1/runs?limit=20${1:+&target=$1}"
  "$root/scripts/show_runs.py" runs <"$body"
}

logs() {
  if [[ -z ${1:-} ]]; then
    need_cluster
    kube logs deployment/trigger-api --all-pods --tail 200
  else
    request GET "/v1/runs/$1"
    api GET "/v1/runs/$1/logs?follow=true"
    request GET "/v1/runs/$1"
    "$root/scripts/show_runs.py" ended <"$body"
  fi
}

# ---- The release

status() {
  need_release
  helm status "$release" --output json | "$root/scripts/show_runs.py" release
  kube get deployments,services,cronjobs,jobs,pods --selector "$selector" --output wide 2>/dev/null | cut -c1-160
  local problems
  problems=$(explain_pods)
  [[ -z $problems ]] || printf '\nwaiting containers:\n%s\n' "$problems"
  printf '\nNext:\n'
  printf '  %-50s %s\n' \
    "$(again trigger "$(first_target)")" 'start a run' \
    "$(again analyse)" 'analyze the portfolio' \
    "$(again runs)" 'list the newest runs' \
    "$(again port-forward start)" 'serve the API at localhost:8000'
  if (($(kube get secrets --selector "owner=helm,name=$release" --output name | wc -l) > 1)); then
    printf '  %-50s %s\n' "$(again rollback)" 'return to the previous revision'
  fi
  printf '  %-50s %s\n' "$(again undeploy)" 'remove the release'
  # deploy created the Secret, maybe without a database.
  if [[ $(kube get secret trades-sync-secret --output "jsonpath={.metadata.labels.${made_label//./\\.}}" 2>/dev/null) == deploy ]]; then
    printf '  %-50s %s\n' "kubectl -n $namespace edit secret trades-sync-secret" "set the databases of trades-sync; then: $(again restart)"
  fi
}

# Prints the first target whose CronJob exists, or nothing.
first_target() {
  local target
  while read -r target; do
    ! kube get cronjob "$target" --output name >/dev/null 2>&1 || { echo "$target" && return; }
  done < <(helm get values "$release" --all --output json | "$root/scripts/show_runs.py" targets)
}

# Does not change what is already stopped or suspended, so that start does not start it either.
stop() {
  need_cluster
  local name value
  while read -r name value; do
    kube annotate --overwrite "deployment/$name" "$stopped=$value"
    kube scale "deployment/$name" --replicas 0
  done < <(kube get deployments --selector "$selector" --output 'jsonpath={range .items[?(@.spec.replicas!=0)]}{.metadata.name} {.spec.replicas}{"\n"}{end}')
  while read -r name value; do
    [[ $value == true ]] || kube patch "cronjob/$name" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": \"false\"}}, \"spec\": {\"suspend\": true}}"
  done < <(kube get cronjobs --selector "$selector" --output 'jsonpath={range .items[*]}{.metadata.name} {.spec.suspend}{"\n"}{end}')
  echo "stopped; runs in progress continue to their end. To start it again: $(again start)"
}

start() {
  need_cluster
  local name value annotation="{.metadata.annotations.${stopped//./\\.}}"
  while read -r name value; do
    [[ -z $value ]] || kube scale "deployment/$name" --replicas "$value"
    [[ -z $value ]] || kube annotate "deployment/$name" "$stopped-"
  done < <(kube get deployments --selector "$selector" --output "jsonpath={range .items[*]}{.metadata.name} $annotation{\"\n\"}{end}")
  while read -r name value; do
    [[ -z $value ]] || kube patch "cronjob/$name" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": null}}, \"spec\": {\"suspend\": $value}}"
  done < <(kube get cronjobs --selector "$selector" --output "jsonpath={range .items[*]}{.metadata.name} $annotation{\"\n\"}{end}")
  kube rollout status deployment --selector "$selector" --timeout "${TIMEOUT:-3m}"
}

restart() {
  need_cluster
  kube rollout restart deployment --selector "$selector"
  kube rollout status deployment --selector "$selector" --timeout "${TIMEOUT:-3m}"
}

# ---- A forwarded port that outlives this script

readonly port=${PORT:-8000}
pid_file=${XDG_RUNTIME_DIR:-/tmp}/tradeops-port-forward-$EUID-$namespace-$port
readonly pid_file

# Checks the command too, because the pid may have been reused.
forwarding() { [[ -O $pid_file ]] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$pid_file")/cmdline" | grep -q "port-forward.* $port:8000"; }

port_forward() {
  case ${1-} in
    start)
      need_cluster
      if ! forwarding; then
        local log=$pid_file.log
        rm -f "$pid_file" "$log"
        (umask 077 && : >"$log")
        nohup kubectl --namespace "$namespace" port-forward service/trigger-api "$port:8000" </dev/null >"$log" 2>&1 &
        local pid=$!
        (umask 077 && echo "$pid" >"$pid_file")
        # Ends at the line that reports the port, or when kubectl ends.
        timeout 30 tail --pid "$pid" --lines +1 --follow "$log" | sed -u '/^Forwarding from/q' >/dev/null || true
        if ! forwarding; then
          rm -f "$pid_file"
          give_up "the port can't be forwarded: $(cat "$log")" "If the port is in use, choose another one: PORT=8001 $(again 'port-forward start')"
        fi
      fi
      port_forward status
      ;;
    stop)
      if forwarding; then kill "$(cat "$pid_file")"; fi
      rm -f "$pid_file" "$pid_file.log"
      echo 'the port is no longer forwarded'
      ;;
    status)
      if forwarding; then
        echo "trigger-api of $namespace is at http://localhost:$port (process $(cat "$pid_file")): http://localhost:$port/v1/targets"
      else
        echo "the port is not forwarded. To forward it: $(again 'port-forward start')"
        return 1
      fi
      ;;
    *) usage ;;
  esac
}

forward_pid=
body=$(mktemp)
trap 'rm -f "$body"; [[ -z $forward_pid ]] || kill "$forward_pid" 2>/dev/null || true' EXIT
(($# <= 2)) || usage
case ${1-} in
  status | stop | start | restart)
    (($# == 1)) || usage
    "$1"
    ;;
  trigger | analyse | runs | logs) "$@" ;;
  port-forward) port_forward "${2-}" ;;
  *) usage ;;
esac
