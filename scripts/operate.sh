#!/usr/bin/env bash
# Operates a deployed release.
#
#   scripts/operate.sh status                  shows the release, problems of its pods, and the next commands
#   scripts/operate.sh stop | start            removes all pods and suspends schedules; start restores both
#   scripts/operate.sh restart                 replaces the pods one by one
#   scripts/operate.sh port-forward start|stop|status
#         tradeops: trigger-api at localhost:PORT (default 8000); aegis-trader: monitor-api at MONITOR_API_PORT (8100), NATS at
#         NATS_PORT (4222) and monitor-ui at MONITOR_UI_PORT (3100)
#
# For the chart tradeops:
#
#   scripts/operate.sh trigger [TARGET]        starts a run of a target, or of the default one
#   scripts/operate.sh analyse [YYYY-MM-DD]    analyzes the portfolio, waits for the end, and prints the totals
#   scripts/operate.sh runs [TARGET]           lists the newest runs, scheduled and manual
#   scripts/operate.sh logs [RUN]              follows the log of a run to its end; without a run, prints that of trigger-api
#
# For the chart aegis-trader:
#
#   scripts/operate.sh logs [COMPONENT]        prints the log of nats, nats-box, create-kv-bucket, or of monitor-api
#   scripts/operate.sh registry-status         prints services, instances, definitions and the settings of the bucket
#   scripts/operate.sh nats-cli ARGUMENT...    runs `nats` in the pod nats-box
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. Credentials come from the release's Secrets.
set -euo pipefail
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"
# shellcheck source=scripts/operate/tradeops.sh
source "$root/scripts/operate/$chart_name.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# ---- The API

# Forwards a free port to the API until this script ends, and sets address. Prints the reason if it fails.
try_connect() {
  [[ -z $forward_pid ]] || return 0
  need_cluster
  local line
  coproc FORWARD { exec kubectl --namespace "$namespace" port-forward "service/$main" ":$api_port" 2>&1; }
  # shellcheck disable=SC2153 # coproc sets it
  forward_pid=$FORWARD_PID
  read -r -t 30 line <&"${FORWARD[0]}" || line='no response'
  [[ $line =~ ^Forwarding\ from\ 127\.0\.0\.1:([0-9]+) ]] || {
    echo "$main in the namespace $namespace can't be reached: $line"
    return 1
  }
  address=http://127.0.0.1:${BASH_REMATCH[1]}
}

connect() { try_connect >&2 || give_up "To see the reason: $(again status)"; }

# Prints the header with a credential of the release as a line of curl's configuration: other users can read arguments.
credential() {
  local header=$1 mounted=$2 secret key value
  IFS=' ' read -r secret key < <(kube get deployment "$main" --output \
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

# ---- The release

status() {
  need_release
  helm status "$release" --output json | "$root/scripts/show_runs.py" release
  kube get statefulsets,deployments,services,cronjobs,jobs,pods,persistentvolumeclaims --selector "$selector" --output wide 2>/dev/null | cut -c1-160
  local problems
  problems=$(explain_pods)
  [[ -z $problems ]] || printf '\nwaiting containers:\n%s\n' "$problems"
  printf '\nNext:\n'
  next_commands
  if (($(kube get secrets --selector "owner=helm,name=$release" --output name | wc -l) > 1)); then
    printf '  %-50s %s\n' "$(again rollback)" 'return to the previous revision'
  fi
  printf '  %-50s %s\n' "$(again undeploy)" 'remove the release'
  last_commands
}

# Does not change what is already stopped or suspended, so that start does not start it either. NATS is the last one to stop and the
# first one to start.
stop() {
  need_cluster
  local kind name value
  for kind in deployment statefulset; do
    while read -r name value; do
      kube annotate --overwrite "$kind/$name" "$stopped=$value"
      kube scale "$kind/$name" --replicas 0
    done < <(kube get "$kind" --selector "$selector" --output 'jsonpath={range .items[?(@.spec.replicas!=0)]}{.metadata.name} {.spec.replicas}{"\n"}{end}')
  done
  while read -r name value; do
    [[ $value == true ]] || kube patch "cronjob/$name" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": \"false\"}}, \"spec\": {\"suspend\": true}}"
  done < <(kube get cronjobs --selector "$selector" --output 'jsonpath={range .items[*]}{.metadata.name} {.spec.suspend}{"\n"}{end}')
  echo "stopped; $kept_while_stopped. To start it again: $(again start)"
}

start() {
  need_cluster
  local kind name value annotation="{.metadata.annotations.${stopped//./\\.}}"
  for kind in statefulset deployment; do
    while read -r name value; do
      [[ -z $value ]] || kube scale "$kind/$name" --replicas "$value"
      [[ -z $value ]] || kube annotate "$kind/$name" "$stopped-"
    done < <(kube get "$kind" --selector "$selector" --output "jsonpath={range .items[*]}{.metadata.name} $annotation{\"\n\"}{end}")
  done
  while read -r name value; do
    [[ -z $value ]] || kube patch "cronjob/$name" --patch "{\"metadata\": {\"annotations\": {\"$stopped\": null}}, \"spec\": {\"suspend\": $value}}"
  done < <(kube get cronjobs --selector "$selector" --output "jsonpath={range .items[*]}{.metadata.name} $annotation{\"\n\"}{end}")
  rollout status --timeout "$timeout"
}

restart() {
  need_cluster
  rollout restart
  rollout status --timeout "$timeout"
}

# rollout ACTION [OPTION...]: of the StatefulSets and Deployments of the release.
rollout() {
  local kind
  for kind in statefulset deployment; do
    [[ -z $(kube get "$kind" --selector "$selector" --output name) ]] || kube rollout "$1" "$kind" --selector "$selector" "${@:2}"
  done
}

# ---- Forwarded ports that outlive this script

# Selects a line of `forwards`: sets service, scheme, remote, port, page and pid_file.
select_forward() {
  read -r service scheme remote port page <<<"$1"
  pid_file=${XDG_RUNTIME_DIR:-/tmp}/tradeops-port-forward-$EUID-$namespace-$port
}

# Checks the command too, because the pid may have been reused.
forwarding() { [[ -O $pid_file ]] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$pid_file")/cmdline" | grep -q "port-forward.* $port:$remote"; }

start_forward() {
  ! forwarding || return 0
  local log=$pid_file.log pid
  rm -f "$pid_file" "$log"
  (umask 077 && : >"$log")
  nohup kubectl --namespace "$namespace" port-forward "service/$service" "$port:$remote" </dev/null >"$log" 2>&1 &
  pid=$!
  (umask 077 && echo "$pid" >"$pid_file")
  # Ends at the line that reports the port, or when kubectl ends.
  timeout 30 tail --pid "$pid" --lines +1 --follow "$log" | sed -u '/^Forwarding from/q' >/dev/null || true
  if ! forwarding; then
    rm -f "$pid_file"
    give_up "the port can't be forwarded: $(cat "$log")" "If the port is in use, choose another one: $other_port $(again 'port-forward start')"
  fi
}

stop_forward() {
  if forwarding; then kill "$(cat "$pid_file")"; fi
  rm -f "$pid_file" "$pid_file.log"
}

show_forward() {
  if forwarding; then
    echo "$service of $namespace is at $scheme://localhost:$port (process $(cat "$pid_file"))${page:+: $scheme://localhost:$port$page}"
  else
    echo "the port of $service is not forwarded. To forward it: $(again 'port-forward start')"
    return 1
  fi
}

port_forward() {
  local service scheme remote port page pid_file line failed=0
  case ${1-} in start | stop | status) ;; *) usage ;; esac
  if [[ $1 == start ]]; then need_cluster; else find_cluster; fi
  while IFS= read -r line; do
    select_forward "$line"
    case $1 in
      start) start_forward ;;
      stop) stop_forward ;;
    esac
    [[ $1 == stop ]] || show_forward || failed=1
  done < <(forwards "$1")
  [[ $1 != stop ]] || echo 'the port is no longer forwarded'
  return $failed
}

forward_pid=
body=$(mktemp)
trap 'rm -f "$body"; [[ -z $forward_pid ]] || kill "$forward_pid" 2>/dev/null || true' EXIT
case ${1-} in
  status | stop | start | restart)
    (($# == 1)) || usage
    "$1"
    ;;
  port-forward)
    (($# <= 2)) || usage
    port_forward "${2-}"
    ;;
  '' | -*) usage ;;
  *)
    [[ " ${commands[*]} " == *" $1 "* ]] || give_up "the release $release of the chart $chart_name has no command $1; it has: ${commands[*]}"
    "${1//-/_}" "${@:2}"
    ;;
esac
