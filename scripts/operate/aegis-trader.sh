# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/release.sh and scripts/operate.sh set and use the variables
# Sourced by scripts/operate.sh: the commands of the chart aegis-trader.

readonly chart_commands=(logs registry-status nats-cli)
readonly kinds_to_show=statefulsets,deployments,services,jobs,pods,persistentvolumeclaims
readonly after_stop='the volumes of NATS and their data are kept'
# SERVICE LOCAL-PORT PORT PATH
readonly forwards=("$release-monitor-ui ${UI_PORT:-3100} 3100 /" "$release-monitor-api ${API_PORT:-8100} 8100 /docs" "$release-nats ${NATS_PORT:-4222} 4222 nats")
readonly other_ports='UI_PORT=3101 API_PORT=8101 NATS_PORT=4223'

logs() {
  need_release
  local component=${1:-monitor-api} workload=deployment
  case $component in
    nats) workload=statefulset ;;
    create-kv-bucket) workload=job ;;
  esac
  # Only the log of the Job exists without a running pod.
  [[ $workload == job ]] || need_pods "$workload/$release-$component"
  kube logs "$workload/$release-$component" --container "$component" --all-pods --prefix --tail 200
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
  local status=000
  if try_connect 5; then
    status=$(api GET /api/registry --output "$body" --write-out '%{http_code}' --max-time 15 2>/dev/null) || true
    problem="it answers with status $status"
    [[ $status != 000 ]] || problem='it does not respond'
  fi
  if [[ $status == 200 ]]; then
    "$root/scripts/show_registry.py" report <"$body"
  else
    echo "$api is not available: $problem. The following is read from NATS through nats-box."
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

# Prints lines "COMMAND TAB PURPOSE" for status.
next_commands() {
  printf '%s\t%s\n' \
    "$(again registry-status)" 'list services, instances and definitions' \
    "$(again logs nats)" 'print the log of a component, by default of monitor-api' \
    "$(again nats-cli stream list)" 'run a command of nats in nats-box' \
    "$(again port-forward start)" 'serve the API at localhost:8100 and NATS at localhost:4222'
}
