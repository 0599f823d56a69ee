# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and the file of the chart set the variables
# Sourced by scripts/operate.sh: forwarded ports that outlive the script. Each has a file with the pid of its kubectl.

# Sets the variables of an element of forwards.
read_forward() {
  read -r service local_port port path <<<"$1"
  pid_file=${XDG_RUNTIME_DIR:-/tmp}/tradeops-port-forward-$EUID-$namespace-$local_port
  url=http://localhost:$local_port$path
  [[ $path != nats ]] || url=nats://localhost:$local_port
}

# Checks the command too, because the pid may have been reused.
forwarding() { [[ -O $pid_file ]] && tr '\0' ' ' 2>/dev/null <"/proc/$(cat "$pid_file")/cmdline" | grep -q "port-forward.* $local_port:$port"; }

start_forward() {
  local log=$pid_file.log pid
  rm -f "$pid_file" "$log"
  (umask 077 && : >"$log")
  nohup kubectl --namespace "$namespace" port-forward "service/$service" "$local_port:$port" </dev/null >"$log" 2>&1 &
  pid=$!
  (umask 077 && echo "$pid" >"$pid_file")
  # Ends at the line that reports the port, or when kubectl ends.
  timeout 30 tail --pid "$pid" --lines +1 --follow "$log" | sed -u '/^Forwarding from/q' >/dev/null || true
  if ! forwarding; then
    rm -f "$pid_file"
    give_up "the port $local_port can't be forwarded: $(cat "$log")" \
      "If the port is in use, choose another one: $other_ports $(again 'port-forward start')"
  fi
}

start_forwards() {
  need_cluster
  local one
  for one in "${forwards[@]}"; do
    read_forward "$one"
    # monitor-ui is optional.
    if ((${#forwards[@]} > 1)) && ! kube get service "$service" >/dev/null 2>&1; then
      echo "the release has no $service; its port is not forwarded"
    elif ! forwarding; then
      start_forward
    fi
  done
  show_forwards
}

stop_forwards() {
  local one
  for one in "${forwards[@]}"; do
    read_forward "$one"
    if forwarding; then kill "$(cat "$pid_file")"; fi
    rm -f "$pid_file" "$pid_file.log"
  done
  if ((${#forwards[@]} == 1)); then echo 'the port is no longer forwarded'; else echo 'the ports are no longer forwarded'; fi
}

# Returns 1 if no port is forwarded, or one no longer.
show_forwards() {
  local one shown=0 ended=0
  for one in "${forwards[@]}"; do
    read_forward "$one"
    if forwarding; then
      echo "$service of $namespace is at ${url%"$path"} (process $(cat "$pid_file"))${path:+: $url}"
      shown=1
    elif [[ -e $pid_file ]]; then
      echo "$service is no longer forwarded: its pod or the connection ended. To forward it again: $(again 'port-forward start')"
      ended=1
    fi
  done
  ((shown || ended)) || echo "the port is not forwarded. To forward it: $(again 'port-forward start')"
  ((shown && !ended))
}

port_forward() {
  case ${1-} in
    start) start_forwards ;;
    stop) stop_forwards ;;
    status) show_forwards ;;
    *) usage ;;
  esac
}
