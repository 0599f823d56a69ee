#!/usr/bin/env bash
# A real Kubernetes cluster on this machine, without Docker.
#
#   scripts/cluster.sh up                    a cluster with one node: Jobs run, fail and have logs (root only)
#   scripts/cluster.sh up --control-plane    the API server and its controllers alone: any user, ready in seconds
#   scripts/cluster.sh status                what runs; exit 0 only if all of it is healthy
#   scripts/cluster.sh env                   shell lines for this cluster: eval "$(scripts/cluster.sh env)"
#   scripts/cluster.sh down                  takes all of it away again, whatever state it is in
#   scripts/cluster.sh load IMAGE.tar ...    gives the node images, as deploy/images makes them
#   scripts/cluster.sh build [--control-plane]   builds every program and image, and starts nothing
#
# TRADEOPS_CLUSTER_DIR   where the cluster lives (default /tmp/tradeops-cluster-UID); one cluster a folder
# KUBEBUILDER_ASSETS     a folder with etcd, kube-apiserver or others to take instead of building them
# XDG_CACHE_HOME         what is built is kept in its folder tradeops/cluster (default ~/.cache)
set -euo pipefail
export LC_ALL=C
# Where ip, iptables and runc are; not every user's PATH has it.
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

# What the caller must change, not a failure of the cluster.
give_up() {
  echo "$1" >&2
  blamed=
  exit 2
}

# Runs one step of `up` and prints how long it took. The step's name is the component to blame if it fails.
step() {
  local name=$1 began=${EPOCHREALTIME/./}
  shift
  blamed=$name
  "$@"
  local took=$((${EPOCHREALTIME/./} - began))
  printf '%-26s %3d.%d s\n' "$name" $((took / 1000000)) $((took / 100000 % 10))
}

up() {
  local wanted=$1 standing began=$SECONDS
  if [[ $wanted == node ]]; then
    node_possible
  fi
  prepare_state
  standing=$(cat "$state/kind" 2>/dev/null || true)
  if [[ -n $standing ]]; then
    local dead
    dead=$(dead_components)
    if [[ -n $dead ]]; then
      echo "the cluster in $state is half dead (no ${dead% }): it is taken down and brought up again"
      clear_away
      prepare_state
    elif [[ $standing == "$wanted" || $standing == node ]]; then
      echo "already up in $state (${standing/-/ })"
      return
    else
      echo "only a control plane stands in $state, and it can't be given a node: take it down first" >&2
      exit 1
    fi
  fi
  # From here on a failure, or an interruption, takes down what was brought up.
  trap 'up_failed' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  build_programs "$wanted"
  echo "$wanted" >"$state/kind"
  bring_up_control_plane "$wanted"
  if [[ $wanted == node ]]; then
    bring_up_node
  fi
  trap - EXIT INT TERM
  echo "up in $((SECONDS - began)) s. Next:"
  echo "  eval \"\$(scripts/cluster.sh env)\" && kubectl get all --all-namespaces"
}

up_failed() {
  trap - EXIT INT TERM
  set +e
  if [[ -z $blamed ]]; then
    clear_away
    exit 2
  fi
  echo "failed at: $blamed" >&2
  if [[ -s $state/logs/$blamed.log ]]; then
    echo "the last lines of its log:" >&2
    tail -n 30 "$state/logs/$blamed.log" | cut -c1-400 >&2
  elif [[ $blamed == coredns ]]; then
    kubectl get pods,events --namespace kube-system >&2
  fi
  clear_away
  exit 1
}

down() {
  while [[ -d $state ]]; do
    own_state
    ! lock_state || break
  done
  clear_away
  echo "nothing is left of the cluster in $state"
}

# Takes everything away by what it finds, not by what `up` noted: it must work after a crash of any part.
clear_away() {
  local with_node=false
  if node_stands_here; then with_node=true; fi
  if $with_node; then end_containers; fi
  stop_all
  if $with_node; then clear_node; fi
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
  # shellcheck disable=SC2016 # it is the caller's PATH
  printf 'export PATH=%q:"$PATH"\n' "$(dirname "$(cat "$state/kubectl")")"
}

# The kind of cluster that the options ask for.
kind() {
  case $* in
    --control-plane) echo control-plane ;;
    '') echo node ;;
    *) usage ;;
  esac
}

blamed=start
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
