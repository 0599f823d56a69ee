# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/release.sh and scripts/operate.sh set and use the variables
# Sourced by scripts/operate.sh: the commands of the chart tradeops.

readonly chart_commands=(trigger retry analyse runs logs)
readonly kinds_to_show=deployments,services,cronjobs,jobs,pods
readonly after_stop='runs in progress continue to their end'
# SERVICE LOCAL-PORT PORT PATH
readonly forwards=("trigger-api ${PORT:-8000} 8000 /v1/targets")
readonly other_ports='PORT=8001'

# request METHOD PATH ...: writes the response to the file $body. Prints the problem and exits if the status is an error.
request() {
  local status
  status=$(api "$@" --output "$body" --write-out '%{http_code}')
  if ((status >= 400)); then
    "$root/scripts/show_runs.py" problem <"$body" >&2
    exit 1
  fi
}

# parameters_body NAME=VALUE...: prints the body of a request with these parameters.
parameters_body() {
  python3 -c 'import json, sys; print(json.dumps({"parameters": dict(argument.split("=", 1) for argument in sys.argv[1:])}))' "$@"
}

# trigger [TARGET] [NAME=VALUE...]
trigger() {
  local path=/trigger-sync parameter options=()
  if [[ ${1-=} != *=* ]]; then
    [[ -z $1 ]] || path=/v1/targets/$1/runs
    shift
  fi
  for parameter in "$@"; do [[ $parameter == ?*=* ]] || usage; done
  (($# == 0)) || options=(--header 'Content-Type: application/json' --data "$(parameters_body "$@")")
  request POST "$path" "${options[@]}"
  print_started
}

print_started() {
  "$root/scripts/show_runs.py" started <"$body"
  echo "To follow it: $(again "logs $("$root/scripts/show_runs.py" id <"$body")")"
}

retry() {
  [[ -n ${1:-} ]] || usage
  request POST "/v1/runs/$1/retry"
  print_started
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
    need_release
    need_pods deployment/trigger-api
    kube logs deployment/trigger-api --all-pods --tail 200
  else
    request GET "/v1/runs/$1"
    api GET "/v1/runs/$1/logs?follow=true"
    request GET "/v1/runs/$1"
    "$root/scripts/show_runs.py" ended <"$body"
  fi
}

# Prints lines "COMMAND TAB PURPOSE" for status.
next_commands() {
  printf '%s\t%s\n' \
    "$(again trigger "$(first_target)")" 'start a run' \
    "$(again analyse)" 'analyze the portfolio' \
    "$(again runs)" 'list the newest runs' \
    "$(again port-forward start)" 'serve the API at localhost:8000'
  # deploy created the Secret, maybe without a database.
  if [[ $(kube get secret trades-sync-secret --output "jsonpath={.metadata.labels.${made_label//./\\.}}" 2>/dev/null) == deploy ]]; then
    printf '%s\t%s\n' "kubectl -n $namespace edit secret trades-sync-secret" "set the databases of trades-sync; then: $(again restart)"
  fi
}

# Prints the first target whose CronJob exists, or nothing.
first_target() {
  local target
  while read -r target; do
    ! kube get cronjob "$target" --output name >/dev/null 2>&1 || { echo "$target" && return; }
  done < <(helm get values "$release" --all --output json | "$root/scripts/show_runs.py" targets)
}
