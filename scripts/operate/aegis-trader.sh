# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/operate.sh sources this, uses the variables and sets others
# The commands for the chart aegis-trader.

readonly api_port=8100
readonly commands=(logs registry-status nats-cli)
readonly kept_while_stopped='the volumes of NATS are kept'
# The forwarded ports: Service, scheme, port, port on this machine, a page.
forwards() {
  echo "$release-monitor-api http 8100 ${MONITOR_API_PORT:-8100} /api/instances"
  echo "$release-nats nats 4222 ${NATS_PORT:-4222}"
  [[ $1 != stop ]] && ! kube get service "$release-monitor-ui" >/dev/null 2>&1 || echo "$release-monitor-ui http 3100 ${MONITOR_UI_PORT:-3100} /"
}
readonly other_port='MONITOR_API_PORT=8101 NATS_PORT=4223 MONITOR_UI_PORT=3101'

logs() {
  local name=$release-${1:-monitor-api} kind
  need_cluster
  for kind in deployment statefulset job; do
    ! kube get "$kind/$name" >/dev/null 2>&1 || {
      kube logs "$kind/$name" --all-pods --tail 200
      return
    }
  done
  give_up "the release has no component ${1:-monitor-api}. To list them: $(again status)"
}

# With a terminal, so that `nats` asks before it deletes.
nats_cli() {
  local terminal=()
  need_cluster
  [[ ! -t 0 || ! -t 1 ]] || terminal=(--tty)
  kube exec --stdin "${terminal[@]}" "deployment/$release-nats-box" -- nats "$@"
}

registry_status() {
  need_cluster
  local problem status
  if ! try_connect >"$body"; then
    problem=$(cat "$body")
  elif ! status=$(api GET /api/registry --max-time 10 --output "$body" --write-out '%{http_code}'); then
    problem='monitor-api does not respond'
  elif [[ $status != 200 ]]; then
    problem="monitor-api answered $status: $(head -c 300 "$body")"
  else
    "$root/scripts/show_registry.py" <"$body"
    return
  fi
  echo "$problem"
  echo 'This is the bucket itself, from NATS:'
  local bucket
  bucket=$(kube get configmap "$release-monitor-api" --output 'jsonpath={.data.NATS_KV_BUCKET}' 2>/dev/null) || bucket=service_registry
  nats_cli kv info "$bucket" </dev/null
  nats_cli kv ls "$bucket" --verbose --display-value </dev/null
}

next_commands() {
  printf '  %-50s %s\n' \
    "$(again registry-status)" 'show services, instances and the bucket' \
    "$(again nats-cli stream report)" 'run a command of NATS' \
    "$(again logs nats)" 'print the log of a component' \
    "$(again port-forward start)" 'serve the API at localhost:8100 and NATS at localhost:4222'
}

last_commands() { :; }
