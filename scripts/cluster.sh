#!/usr/bin/env bash
# A real Kubernetes cluster on this machine, without Docker.
#
#   scripts/cluster.sh up                    a cluster with one node: Jobs run, fail and have logs (root only)
#   scripts/cluster.sh up --control-plane    only the API server and its controllers: any user, ready in seconds
#   scripts/cluster.sh status                shows the components; exit code 0 only if all are healthy
#   scripts/cluster.sh env                   prints shell commands that select the cluster: eval "$(scripts/cluster.sh env)"
#   scripts/cluster.sh down                  deletes the cluster, in whatever state it is
#   scripts/cluster.sh load IMAGE.tar ...    loads images of deploy/images into the node
#   scripts/cluster.sh build [--control-plane]   builds the programs and images, and starts nothing
#
# TRADEOPS_CLUSTER_DIR   the folder of the cluster (default /tmp/tradeops-cluster-UID); each folder is a separate cluster
# KUBEBUILDER_ASSETS     a folder with etcd, kube-apiserver or other programs to use instead of building them
# XDG_CACHE_HOME         programs are kept in its folder tradeops/cluster (default ~/.cache)
set -euo pipefail
export LC_ALL=C
# The folder of ip, iptables and runc, which may not be on PATH.
PATH=$PATH:/usr/sbin:/sbin

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly sources=$root/tools/cluster
# shellcheck source=tools/cluster/build.sh
source "$sources/build.sh"
# shellcheck source=tools/cluster/process.sh
source "$sources/process.sh"
# shellcheck source=tools/cluster/control-plane.sh
source "$sources/control-plane.sh"
# shellcheck source=tools/cluster/node.sh
source "$sources/node.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Exits with 2: the caller has to change something, and no component failed.
give_up() {
  echo "$1" >&2
  component=
  exit 2
}

# Runs a step of `up` and prints its duration. If it fails, its name is the component whose log is printed.
step() {
  local name=$1 began=${EPOCHREALTIME/./}
  shift
  component=$name
  "$@"
  local duration=$((${EPOCHREALTIME/./} - began))
  printf '%-26s %3d.%d s\n' "$name" $((duration / 1000000)) $((duration / 100000 % 10))
}

up() {
  local wanted=$1 existing began=$SECONDS
  if [[ $wanted == node ]]; then
    check_node_is_possible
  fi
  prepare_state
  existing=$(cat "$state/kind" 2>/dev/null || true)
  if [[ -n $existing ]]; then
    local dead
    dead=$(dead_components)
    if [[ -n $dead ]]; then
      echo "the cluster in $state has processes that are not running: ${dead% }; it is deleted and created again"
      delete_all
      prepare_state
    elif [[ $existing == "$wanted" || $existing == node ]]; then
      echo "already up in $state (${existing/-/ })"
      return
    else
      echo "the cluster in $state has no node, and none can be added: delete it first (scripts/cluster.sh down)" >&2
      exit 1
    fi
  fi
  # From here on, a failure or an interruption deletes what was created.
  trap 'up_failed' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  build_programs "$wanted"
  echo "$wanted" >"$state/kind"
  start_control_plane "$wanted"
  if [[ $wanted == node ]]; then
    start_node
  fi
  trap - EXIT INT TERM
  echo "up in $((SECONDS - began)) s. Next:"
  echo "  eval \"\$(scripts/cluster.sh env)\" && kubectl get all --all-namespaces"
}

up_failed() {
  trap - EXIT INT TERM
  set +e
  if [[ -z $component ]]; then
    delete_all
    exit 2
  fi
  echo "failed: $component" >&2
  if [[ -s $state/logs/$component.log ]]; then
    echo "the last lines of its log:" >&2
    tail -n 30 "$state/logs/$component.log" | cut -c1-400 >&2
  elif [[ $component == coredns ]]; then
    kubectl get pods,events --namespace kube-system >&2
  fi
  delete_all
  exit 1
}

down() {
  while [[ -d $state ]]; do
    check_state_is_ours
    ! lock_state || break
  done
  delete_all
  echo "the cluster in $state is deleted"
}

# Deletes what it finds, not what `up` recorded: it has to work after a crash of any component.
delete_all() {
  local with_node=false
  if node_is_ours; then with_node=true; fi
  if $with_node; then kill_containers; fi
  stop_all
  if $with_node; then delete_node; fi
  if [[ -d $state ]]; then
    rm -rf --one-file-system "$state"
  fi
}

status() {
  if [[ ! -e $state/kind ]]; then
    echo "no cluster in $state" >&2
    return 1
  fi
  local name pid health unhealthy=0
  printf '%-26s %8s  %s\n' component pid state
  for name in $(components); do
    pid=- health=dead
    if alive "$name"; then
      pid=$(pid_of "$name")
      if "healthy_$name" 2>/dev/null; then health=healthy; else health=unhealthy; fi
    fi
    [[ $health == healthy ]] || unhealthy=1
    printf '%-26s %8s  %s\n' "$name" "$pid" "$health"
  done
  if [[ $(cat "$state/kind") == node ]]; then
    node_status || unhealthy=1
  fi
  return "$unhealthy"
}

print_env() {
  if [[ ! -e $state/kubeconfig ]]; then
    echo "no cluster in $state: scripts/cluster.sh up" >&2
    exit 1
  fi
  printf 'export KUBECONFIG=%q\n' "$state/kubeconfig"
  # shellcheck disable=SC2016 # the PATH of the caller
  printf 'export PATH=%q:"$PATH"\n' "$(dirname "$(cat "$state/kubectl")")"
}

# Prints the kind of cluster that the options select.
kind() {
  case $* in
    --control-plane) echo control-plane ;;
    '') echo node ;;
    *) usage ;;
  esac
}

component=start
case ${1-} in
  up | build)
    wanted=$(kind "${@:2}")
    if [[ $1 == up ]]; then up "$wanted"; else build_programs "$wanted"; fi
    ;;
  down) down ;;
  load) load_images "${@:2}" ;;
  status) status ;;
  env) print_env ;;
  *) usage ;;
esac
