#!/usr/bin/env bash
# What a deployed release does, and what it shall do.
#
#   scripts/operate.sh status                  what stands where, what is wrong with it, and what to type next
#   scripts/operate.sh trigger [TARGET]        starts a run; without a target, the default one
#   scripts/operate.sh analyse [YYYY-MM-DD]    analyses the portfolio, waits for the end, and prints the totals
#   scripts/operate.sh runs [TARGET]           the newest runs, scheduled and manual alike
#   scripts/operate.sh logs [RUN]              the log of a run, followed to its end; without one, that of trigger-api
#   scripts/operate.sh stop | start            no pods and no schedules, and again as it was
#   scripts/operate.sh restart                 other pods of trigger-api, one after the other
#   scripts/operate.sh port-forward start|stop|status    trigger-api at localhost:PORT (default 8000)
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG say where: scripts/release.sh. Credentials come from the release's own Secrets.
set -euo pipefail
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# ---- the API

# A way to trigger-api for as long as this script runs, at any free port.
open_way() {
  [[ -z $way ]] || return 0
  need_cluster
  local line
  coproc FORWARD { exec kubectl --namespace "$namespace" port-forward service/trigger-api :8000 2>&1; }
  way=$FORWARD_PID
  read -r -t 30 line <&"${FORWARD[0]}" || line='no answer'
  [[ $line =~ ^Forwarding\ from\ 127\.0\.0\.1:([0-9]+) ]] || give_up \
    "there is no way to trigger-api in the namespace $namespace: $line" "See what is wrong: $(again status)"
  address=http://127.0.0.1:${BASH_REMATCH[1]}
}

# The header with a credential of the release, as a line of curl's configuration: an argument could be read by others.
credential() {
  local header=$1 mounted=$2 secret key value
  IFS=' ' read -r secret key < <(kube get deployment trigger-api --output \
    "jsonpath={range .spec.template.spec.volumes[?(@.name==\"$mounted\")]}{.secret.secretName} {.secret.items[0].key}{\"\n\"}{end}") || true
  [[ -n ${secret:-} ]] || return 0
  value=$(kube get secret "$secret" --output "go-template={{ index .data \"$key\" | base64decode }}" | head -n 1)
  printf 'header = "%s: %s"\n' "$header" "$value"
}

# api METHOD PATH [OPTION OF CURL...]: as an administrator where the release has such a credential, else as any caller.
api() {
  local method=$1 path=$2 credential
  shift 2
  open_way
  credential=$(credential X-Admin-Secret admin-secret)
  [[ -n $credential ]] || credential=$(credential X-Internal-Token token)
  curl --silent --show-error --no-buffer --request "$method" --config - "$@" "$address$path" <<<"$credential"
}

# asked METHOD PATH ...: the answer's body in $answer; a refusal is told in its own words.
asked() {
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
  asked POST "$path"
  "$root/scripts/show_runs.py" started <"$body"
  echo "To follow it: $(again "logs $("$root/scripts/show_runs.py" id <"$body")")"
}

analyse() {
  local parameters='{}' run
  [[ -z ${1:-} ]] || parameters="{\"date\": \"$1\"}"
  asked POST /api/admin/portfolio/trigger-analysis --header 'Content-Type: application/json' --data "$parameters"
  run=$("$root/scripts/show_runs.py" id <"$body")
  # The stream ends when the run does.
  api GET "/v1/runs/$run/events" >/dev/null
  asked GET "/api/admin/portfolio/analysis-status/$run"
  "$root/scripts/show_runs.py" analysis <"$body"
}

runs() {
  asked GET "/v1/runs?limit=20${1:+&target=$1}"
  "$root/scripts/show_runs.py" runs <"$body"
}

logs() {
  if [[ -z ${1:-} ]]; then
    need_cluster
    kube logs deployment/trigger-api --all-pods --tail 200
  else
    asked GET "/v1/runs/$1"
    api GET "/v1/runs/$1/logs?follow=true"
    asked GET "/v1/runs/$1"
    "$root/scripts/show_runs.py" ended <"$body"
  fi
}

# ---- the release

status() {
  need_release
  helm status "$release" --output json | "$root/scripts/show_runs.py" release
  kube get deployments,services,cronjobs,jobs,pods --selector "$selector" --output wide 2>/dev/null | cut -c1-160
  local problems
  problems=$(explain_pods)
  [[ -z $problems ]] || printf '\nwhat pods wait for:\n%s\n' "$problems"
  printf '\nNext:\n'
  printf '  %-50s %s\n' \
    "$(again trigger "$(a_target)")" 'start a run' \
    "$(again analyse)" 'analyse the portfolio' \
    "$(again runs)" 'what ran, and how it ended' \
    "$(again port-forward start)" 'the API at localhost:8000'
  if (($(kube get secrets --selector "owner=helm,name=$release" --output name | wc -l) > 1)); then
    printf '  %-50s %s\n' "$(again rollback)" 'back to the revision before'
  fi
  printf '  %-50s %s\n' "$(again undeploy)" 'take it away again'
  # Made by a deploy, which may have been told of no database.
  if [[ $(kube get secret trades-sync-secret --output "jsonpath={.metadata.labels.${made_label//./\\.}}" 2>/dev/null) == deploy ]]; then
    printf '  %-50s %s\n' "kubectl -n $namespace edit secret trades-sync-secret" "where trades-sync reads and ships; then: $(again restart)"
  fi
}

# The first target whose CronJob is there; nothing where the default one is the only one.
a_target() {
  local target
  while read -r target; do
    ! kube get cronjob "$target" --output name >/dev/null 2>&1 || { echo "$target" && return; }
  done < <(kube get configmap trigger-api-targets --output 'jsonpath={.data.config\.yaml}' 2>/dev/null | sed -nE 's/^ *- \{cronjob: ([^,}]+).*/\1/p')
}

# What was not stopped by us is let be.
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
  echo "stopped; runs that go on go on to their end. To start it again: $(again start)"
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

# ---- a way to trigger-api that stays

readonly port=${PORT:-8000}
pid_file=${XDG_RUNTIME_DIR:-/tmp}/tradeops-port-forward-$EUID-$namespace-$port
readonly pid_file

# The pid alone could be another program's by now.
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
        # Ends with the line that it listens, or with kubectl.
        timeout 30 tail --pid "$pid" --lines +1 --follow "$log" | sed -u '/^Forwarding from/q' >/dev/null || true
        if ! forwarding; then
          rm -f "$pid_file"
          give_up "it can't be done: $(cat "$log")" "Is the port taken? Another one: PORT=8001 $(again 'port-forward start')"
        fi
      fi
      port_forward status
      ;;
    stop)
      if forwarding; then kill "$(cat "$pid_file")"; fi
      rm -f "$pid_file" "$pid_file.log"
      echo 'no port is forwarded'
      ;;
    status)
      if forwarding; then
        echo "trigger-api of $namespace is at http://localhost:$port (process $(cat "$pid_file")): http://localhost:$port/v1/targets"
      else
        echo "no port is forwarded; to do so: $(again 'port-forward start')"
        return 1
      fi
      ;;
    *) usage ;;
  esac
}

way=
body=$(mktemp)
trap 'rm -f "$body"; [[ -z $way ]] || kill "$way" 2>/dev/null || true' EXIT
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
