# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and the file of the chart set the variables
# Sourced by scripts/operate.sh: forwarded ports that outlive the script. Each has a file, named after its port on this machine, whose
# line is that of `forwards` with the pid of its kubectl in front.

readonly forwards_folder=${XDG_RUNTIME_DIR:-/tmp}/tradeops-port-forward-$EUID/$namespace/$release

# In /tmp, other users could have created the folder.
prepare_folder() {
  (umask 077 && mkdir -p "$forwards_folder")
  [[ -O $forwards_folder && -O ${forwards_folder%/*/*} ]] || give_up "${forwards_folder%/*/*} belongs to another user: delete it"
}

# Sets the variables of an element of forwards.
read_forward() {
  read -r service local_port port path <<<"$1"
  pid_file=$forwards_folder/$local_port
}

# Sets the variables of each forward that was started, with whatever ports, and calls the function.
for_each_started() {
  local pid service local_port port path pid_file
  for pid_file in "$forwards_folder"/*; do
    [[ -O $pid_file && $pid_file != *.log ]] || continue
    read -r pid service local_port port path <"$pid_file"
    "$1"
  done
}

# Checks the command too, because the pid may have been reused.
forwarding() {
  local pid
  [[ -O $pid_file ]] && read -r pid _ <"$pid_file" && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "port-forward.* $local_port:$port"
}

start_forward() {
  local log=$pid_file.log pid
  prepare_folder
  rm -f "$pid_file"
  : >"$log"
  nohup kubectl --namespace "$namespace" port-forward "service/$service" "$local_port:$port" </dev/null >"$log" 2>&1 &
  pid=$!
  echo "$pid $service $local_port $port $path" >"$pid_file"
  # Ends at the line that reports the port, or when kubectl ends.
  timeout 30 tail --pid "$pid" --lines +1 --follow "$log" | sed -u '/^Forwarding from/q' >/dev/null || true
  if ! forwarding; then
    rm -f "$pid_file"
    give_up "the port $local_port can't be forwarded: $(cat "$log")" \
      "If the port is in use, choose another one: $other_ports $(again 'port-forward start')"
  fi
}

start_forwards() {
  need_release
  local one service local_port port path pid_file
  for one in "${forwards[@]}"; do
    read_forward "$one"
    # monitor-ui is optional.
    if ! kube get service "$service" >/dev/null 2>&1; then
      echo "the release has no $service; its port is not forwarded"
    elif ! forwarding; then
      start_forward
    fi
  done
  show_forwards
}

stop_forwards() {
  local ended=0
  for_each_started stop_one
  ((ended)) || echo 'no port is forwarded'
}

stop_one() {
  ! forwarding || kill "$pid"
  rm -f "$pid_file" "$pid_file.log"
  echo "port $local_port is no longer forwarded to $service"
  ended=1
}

show_one() {
  local url=http://localhost:$local_port$path
  [[ $path != nats ]] || url=nats://localhost:$local_port
  if forwarding; then
    echo "$service of $namespace is at $url (process $pid)"
    shown=1
  else
    echo "$service is no longer forwarded: its pod or the connection ended. To forward it again: $(again 'port-forward start')"
    ended=1
  fi
}

# Returns 1 if no port is forwarded, or one no longer.
show_forwards() {
  local shown=0 ended=0
  for_each_started show_one
  ((shown || ended)) || echo "no port is forwarded. To forward them: $(again 'port-forward start')"
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
