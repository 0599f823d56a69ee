# shellcheck shell=bash
# Sourced by scripts/cluster.sh: the state folder and the processes, which outlive this script.

state=$(realpath -m "${TRADEOPS_CLUSTER_DIR:-/tmp/tradeops-cluster-$EUID}")
readonly state
# Each process of the cluster has the state folder in this environment variable, so it can be found without its pid.
readonly mark=TRADEOPS_CLUSTER_STATE

# Creates the state folder with private permissions, and holds its lock until this script ends.
prepare_state() {
  if [[ ! $state =~ ^/[A-Za-z0-9._/-]+$ || ${#state} -gt 70 ]]; then
    # containerd's socket is below it, and the path of a socket has at most 107 characters.
    give_up "TRADEOPS_CLUSTER_DIR must be an absolute path of at most 70 letters, digits and ._/-, not $state"
  fi
  mkdir -p "$(dirname "$state")"
  until
    mkdir -m 700 "$state" 2>/dev/null || check_state_is_ours
    lock_state
  do :; done
  touch "$state/.tradeops-cluster"
  mkdir -p -m 700 "$state"/{logs,pids,ports,keys,etcd}
}

# `down` deletes the folder, so it has to be a cluster's.
check_state_is_ours() {
  [[ -e $state ]] || return 0
  if [[ ! -O $state ]] || { [[ ! -e $state/.tradeops-cluster ]] && [[ -n $(ls -A "$state") ]]; }; then
    give_up "$state is not the folder of a cluster of this user: set TRADEOPS_CLUSTER_DIR to another one"
  fi
}

# Fails if another run, such as a `down`, has deleted the folder.
lock_state() {
  exec 9<"$state" || return
  if ! flock --timeout 300 9; then
    echo "another run of scripts/cluster.sh is using $state" >&2
    exit 1
  fi
  [[ $(stat -c %i "$state" 2>/dev/null) == "$(stat -L -c %i "/proc/$BASHPID/fd/9")" ]]
}

# start NAME COMMAND...: starts a process in a session of its own, with its output in logs/NAME.log, without open files of this
# script, and without its environment: a proxy that is set there may not reach this machine's addresses.
start() {
  local name=$1
  shift
  (
    local fd
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      ((fd < 3 || fd == 255)) || eval "exec $fd>&-"
    done
    cd "$state"
    exec env -i "$mark=$state" PATH="$PATH" HOME="$state" setsid "$@"
  ) </dev/null >>"$state/logs/$name.log" 2>&1 &
  local pid=$!
  disown
  echo "$pid" >"$state/pids/$name"
  while running "$pid" && ! marked "$pid"; do sleep 0.01; done
}

running() { [[ -e /proc/$1 ]] && ! grep -qs '^State:.Z' "/proc/$1/status"; }

# A pid may have been reused, so the process must have the mark.
marked() { grep -qzsxF "$mark=$state" "/proc/$1/environ"; }

pid_of() { cat "$state/pids/$1" 2>/dev/null; }

alive() {
  local pid
  pid=$(pid_of "$1") && marked "$pid"
}

# wait_for NAME SECONDS COMMAND...: waits until the command succeeds. Fails immediately if the component is dead.
wait_for() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ! alive "$name"; then
      echo "$name has exited" >&2
      return 1
    fi
    if ((SECONDS >= deadline)); then
      echo "$name is not ready in time; still failing: $*" >&2
      return 1
    fi
    sleep 0.1
  done
}

stop() {
  local name=$1
  if alive "$name"; then
    terminate "$(pid_of "$name")"
  fi
  rm -f "$state/pids/$name"
}

# Terminates processes, and kills them after ten seconds. A process in an uninterruptible system call ignores both.
terminate() {
  local pid deadline=$((SECONDS + 10))
  for pid in "$@"; do
    kill -TERM "$pid" 2>/dev/null || true
  done
  for pid in "$@"; do
    while running "$pid"; do
      if ((SECONDS >= deadline + 20)); then
        echo "process $pid can't be killed" >&2
        break
      elif ((SECONDS >= deadline)); then
        kill -KILL "$pid" 2>/dev/null || true
      fi
      sleep 0.05
    done
  done
}

# Stops the components in the reverse order of their start, and then every process with the mark.
stop_all() {
  local name marked
  for name in $(components | tac); do
    stop "$name"
  done
  mapfile -t marked < <(marked_processes)
  ((${#marked[@]} == 0)) || terminate "${marked[@]}"
}

marked_processes() {
  grep -lzsxF "$mark=$state" /proc/[0-9]*/environ | cut -d/ -f3 || true
}

# Prints the components in the order of their start.
components() {
  printf '%s\n' "${control_plane_components[@]}"
  if [[ $(cat "$state/kind" 2>/dev/null) == node ]]; then
    printf '%s\n' "${node_components[@]}"
  fi
}

dead_components() {
  local name
  for name in $(components); do
    alive "$name" || printf '%s ' "$name"
  done
}

# render TEMPLATE FILE: replaces the placeholders @NAME@.
render() {
  sed -e "s#@STATE@#$state#g" -e "s#@NODE_ADDRESS@#${node_address-}#g" -e "s#@POD_RANGE@#${pod_range-}#g" \
    -e "s#@POD_LINK@#${pod_link-}#g" -e "s#@CNI_PLUGINS@#${cni_plugins-}#g" -e "s#@DNS_ADDRESS@#$dns_address#g" \
    "$sources/$1" >"$2"
}
