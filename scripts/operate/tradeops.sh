# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/operate.sh sources this, uses the variables and sets others
# The commands for the chart tradeops.

readonly api_port=8000
readonly commands=(trigger analyse runs logs)
readonly kept_while_stopped='runs in progress continue to their end'
# The forwarded ports: Service, scheme, port, port on this machine, a page.
forwards() { echo "trigger-api http 8000 ${PORT:-8000} /v1/targets"; }
readonly other_port='PORT=8001'

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

next_commands() {
  printf '  %-50s %s\n' \
    "$(again trigger "$(first_target)")" 'start a run' \
    "$(again analyse)" 'analyze the portfolio' \
    "$(again runs)" 'list the newest runs' \
    "$(again port-forward start)" 'serve the API at localhost:8000'
}

# deploy created the Secret, maybe without a database.
last_commands() {
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
