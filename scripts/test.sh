#!/usr/bin/env bash
# Runs every check and test. Installs what is missing, or names it. The last line has the counts.
#
#   scripts/test.sh            everything
#   scripts/test.sh worker     one step: format, lint, deny, images, charts, recipes, cluster, rust, e2e, worker, pages, openapi or demo
#
# TRADEOPS_REAL_DAYS   a folder of real trading days (default ../shared/data/snapshots if it exists); without one, the tests
#                      that need real days are skipped
# KUBECONFIG           the cluster to run the tests on; without it, scripts/cluster.sh creates one
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/packages.sh
source scripts/packages.sh

readonly nextest_version=0.9.151
readonly target=${CARGO_TARGET_DIR:-target}
passed=0 failed=0 skipped=0
failures=()
work=$(mktemp -d)
readonly log=$work/log
own_cluster=
server_pid=
trap 'stop_server; delete_cluster; rm -rf "$work"' EXIT

heading() { printf '\n== %s\n' "$*"; }

# step NAME COUNTER COMMAND...: runs a command, then its counter. A command without tests counts as one.
step() {
  local name=$1 counter=$2 status=0 before=$((passed + failed)) failed_before=$failed
  shift 2
  heading "$name: $*"
  "$@" 2>&1 | tee "$log" || status=$?
  "$counter"
  if ((status != 0)); then
    failures+=("$name")
    ((failed > failed_before)) || failed=$((failed + 1))
  elif ((passed + failed == before)); then
    passed=$((passed + 1))
  fi
}

count_nothing() { :; }

# The last line of the form "43 passed, 0 failed" or "43 passed, 0 failed, 1 skipped".
count_summary() {
  local p f s
  read -r p f s < <(sed -nE 's/.*\b([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 \4/p' "$log" | tail -n 1) || true
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
}

# TAP: "# pass 200", "# fail 0", "# skipped 0"
count_node() {
  local kind number
  while read -r kind number; do
    case $kind in
      pass) passed=$((passed + number)) ;;
      fail) failed=$((failed + number)) ;;
      skipped) skipped=$((skipped + number)) ;;
    esac
  done < <(sed -nE 's/^# (pass|fail|skipped) ([0-9]+)$/\1 \2/p' "$log")
}

# need COMMAND HOW-TO-INSTALL-IT
need() {
  command -v "$1" >/dev/null && return
  echo "scripts/test.sh needs $1: $2" >&2
  exit 2
}

# Installs a Debian package as root; otherwise names it and exits.
package() {
  local name=$1
  if ((EUID != 0)); then
    echo "scripts/test.sh needs the package $name: sudo apt-get install $name" >&2
    exit 2
  fi
  heading "installing $name"
  install_as_root "$name"
}

prepare_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || package postgresql
  PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || package pgbouncer
}

# The pinned version, and Debian's older one, whose stores it must read.
prepare_nats() {
  need go 'install Go 1.26 or later; it builds nats-server'
  [[ -x /usr/sbin/nats-server ]] || package nats-server
  scripts/tools.sh nats-server >/dev/null
}

# The cron library of Kubernetes, with which trigger-core's schedules are compared.
prepare_next_run() {
  need go 'install Go 1.26 or later; it builds tools/next-run'
  scripts/tools.sh next-run >/dev/null
}

prepare_nextest() {
  [[ $(cargo nextest --version 2>/dev/null) != *" $nextest_version"* ]] || return 0
  heading "installing cargo-nextest $nextest_version"
  cargo install --locked --quiet cargo-nextest --version "$nextest_version" --no-default-features --features default-no-update
}

# Uses the cluster of KUBECONFIG, or creates one: with a node as root, else the control plane only.
prepare_cluster() {
  [[ -z ${KUBECONFIG:-} ]] || return 0
  need go 'install Go 1.26 or later; it builds the cluster that the tests run on'
  local options=()
  ((EUID == 0)) || options=(--control-plane)
  export TRADEOPS_CLUSTER_DIR
  # Not in $work: the path of the folder must be short.
  TRADEOPS_CLUSTER_DIR=$(mktemp -d)
  heading "creating a cluster: scripts/cluster.sh up ${options[*]}"
  own_cluster=yes
  scripts/cluster.sh up "${options[@]}"
  eval "$(scripts/cluster.sh env)"
}

delete_cluster() {
  [[ -n $own_cluster ]] || return 0
  scripts/cluster.sh down >/dev/null || echo 'scripts/cluster.sh could not delete the whole cluster of the tests' >&2
  rm -rf "$TRADEOPS_CLUSTER_DIR"
  own_cluster='' && unset KUBECONFIG TRADEOPS_CLUSTER_DIR
}

cluster_has_node() { kubectl get nodes --output json | python3 -c 'import json, sys; sys.exit(not json.load(sys.stdin)["items"])'; }

prepare_worker() {
  need node 'install Node.js 20 or later'
  need npm 'it is part of Node.js'
  local installed=deploy/worker/node_modules/.package-lock.json
  if [[ ! -e $installed || deploy/worker/package-lock.json -nt $installed ]]; then
    heading 'installing the packages of deploy/worker'
    npm --prefix deploy/worker ci --no-audit --no-fund
  fi
}

# Exports the folder of real days, so that every test process uses the same one. Fails if there is none.
find_real_days() {
  if [[ -z ${TRADEOPS_REAL_DAYS:-} ]]; then
    [[ -d ../shared/data/snapshots ]] || return
    TRADEOPS_REAL_DAYS=../shared/data/snapshots
  elif [[ ! -d $TRADEOPS_REAL_DAYS ]]; then
    echo "scripts/test.sh: TRADEOPS_REAL_DAYS is $TRADEOPS_REAL_DAYS, which is not a folder" >&2
    exit 2
  fi
  TRADEOPS_REAL_DAYS=$(realpath "$TRADEOPS_REAL_DAYS")
  export TRADEOPS_REAL_DAYS
}

# start_server COMMAND...: sets $answer to the first line that the command prints, and leaves the command running until
# stop_server closes its standard input. nextest runs each test in a process of its own, so a server that tests share can't
# belong to a test.
start_server() {
  # The descriptors of a coprocess are closed on exec, so no test keeps the server's input open.
  coproc SERVER { exec "$@"; }
  # shellcheck disable=SC2153 # coproc sets it
  server_pid=$SERVER_PID server_input=${SERVER[1]}
  answer=
  read -r answer <&"${SERVER[0]}" || true
  if [[ -z $answer ]]; then
    echo "$1 did not start" >&2
    exit 1
  fi
}

# Returns the server's exit code.
stop_server() {
  [[ -n $server_pid ]] || return 0
  local pid=$server_pid
  server_pid=
  exec {server_input}>&-
  wait "$pid"
}

# nextest STEP PROFILE FILTER ARGUMENT...: runs the tests that the filter selects; the others count as skipped.
nextest() {
  local name=$1 profile=$2 filter=$3 report=target/nextest/$2/junit.xml
  shift 3
  rm -f "$report"
  cargo nextest list --locked --profile "$profile" --filterset "$filter" --message-format json "$@" 2>/dev/null >"$work/list.json" || true
  step "$name" count_nextest cargo nextest run --locked --profile "$profile" --filterset "$filter" --no-tests pass "$@"
}

# The report is missing if the tests do not build.
count_nextest() {
  local p=0 f=0 s=0
  [[ ! -e $report ]] || read -r p f s < <(scripts/junit_counts.py "$report" "$work/list.json")
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

format() { step format count_nothing cargo fmt --all --check; }

lint() {
  step lint count_nothing cargo clippy --workspace --all-targets --locked -- -D warnings
  # curl-trigger's program has no standard library, so an ordinary build leaves it out.
  local flavour
  for flavour in program tls; do
    step "lint curl-trigger, $flavour" count_nothing \
      env RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' CARGO_TARGET_DIR=target/curl-trigger-lint \
      cargo clippy --locked --profile tiny --package curl-trigger --bin curl-trigger --features "$flavour" -- -D warnings
  done
  need go 'install Go 1.26 or later; it builds actionlint'
  step 'lint workflows' count_nothing "$(scripts/tools.sh actionlint)/actionlint"
}

deny() {
  command -v cargo-deny >/dev/null || { heading 'installing cargo-deny' && cargo install --locked --quiet cargo-deny; }
  step deny count_nothing cargo deny --log-level error check bans licenses sources
}

rust() {
  prepare_postgres
  prepare_nats
  prepare_next_run
  prepare_worker
  prepare_nextest
  command -v curl >/dev/null || package curl
  command -v chromium >/dev/null || package chromium
  need python3 'install Python 3'
  prepare_cluster
  local filter='all()'
  if ! find_real_days; then
    echo 'skipped: the tests on real days, because there are none; set TRADEOPS_REAL_DAYS to a folder of them'
    filter+=' - test(real_days)'
  fi
  if ! cluster_has_node; then
    echo 'skipped: the tests that run pods, because the cluster has no node; scripts/cluster.sh creates one as root'
    filter+=' - test(on_a_node)'
  fi
  local packages=(--workspace --exclude demo --exclude e2e)
  heading 'building the tests'
  # The step below reports a build that fails.
  cargo nextest run --locked --no-run "${packages[@]}" || true
  if [[ -x $target/debug/examples/postgres ]]; then
    start_server "$target/debug/examples/postgres"
    export TRADEOPS_TEST_POSTGRES=$answer
  fi
  nextest rust default "$filter" "${packages[@]}"
  unset TRADEOPS_TEST_POSTGRES
  stop_server
  delete_cluster
}

# The whole platform on a cluster with a node, deployed by the operators' own scripts.
e2e() {
  prepare_postgres
  prepare_worker
  prepare_nextest
  need curl 'apt-get install curl'
  need python3 'install Python 3'
  need go 'install Go 1.26 or later; it builds Helm and the programs of NATS'
  command -v busybox >/dev/null || package busybox-static
  prepare_cluster
  # With the rest of the workspace: alone, the dependencies would have other features and be built again.
  local tests=(--workspace --exclude demo --test e2e)
  if ! cluster_has_node; then
    echo 'skipped: the tests of a deployed platform, because the cluster has no node; scripts/cluster.sh creates one as root'
    nextest e2e e2e 'none()' "${tests[@]}"
  else
    scripts/tools.sh helm nats-server nats >/dev/null
    # Built once, and not by each command of a scenario.
    scripts/tradeops.sh --version >/dev/null
    export TRADEOPS
    TRADEOPS=$(realpath "$target/debug/tradeops")
    cargo nextest list --locked --profile e2e --message-format json "${tests[@]}" >"$work/list.json"
    start_server "$(python3 -c 'import json, sys
suites = json.load(sys.stdin)["rust-suites"].values()
print(next(suite["binary-path"] for suite in suites if suite["binary-name"] == "e2e"))' <"$work/list.json")" environment
    export TRADEOPS_E2E_ENVIRONMENT=$answer
    nextest e2e e2e 'all()' "${tests[@]}"
    unset TRADEOPS_E2E_ENVIRONMENT
    stop_server || { failures+=('e2e clean-up') && failed=$((failed + 1)); }
  fi
  delete_cluster
}

worker() {
  prepare_worker
  find_real_days || true
  step worker count_node npm --prefix deploy/worker test
}

# Creates and deletes clusters, and checks what is left of them.
cluster() {
  need go 'install Go 1.26 or later; it builds the cluster that the tests run on'
  step cluster count_summary tools/cluster/test.sh
}

images() {
  need python3 'install Python 3'
  need go 'install Go 1.26 or later; it builds the programs of NATS'
  command -v busybox >/dev/null || package busybox-static
  step images count_summary scripts/check-images.sh
}

charts() {
  need go 'install Go 1.26 or later; it builds Helm, the linters and an API server'
  need python3 'install Python 3'
  step charts count_summary scripts/check-charts.sh
}

recipes() {
  need go 'install Go 1.26 or later; it builds Helm and an API server'
  need python3 'install Python 3'
  step recipes count_summary scripts/check-recipes.sh
}

pages() {
  need python3 'install Python 3'
  step pages count_summary scripts/test-streamlit.sh
}

openapi() {
  need go 'install Go 1.26 or later; it builds the NATS server'
  need python3 'install Python 3'
  step openapi count_summary scripts/fuzz-openapi.sh
}

demo() { step demo count_nothing cargo demo -- --exit; }

need cargo 'install Rust from https://rustup.rs'
need cc 'install a C compiler and linker, such as the package gcc'
for name in "${@:-format lint deny images charts recipes cluster rust e2e worker pages openapi demo}"; do
  for one in $name; do
    case $one in
      format | lint | deny | images | charts | recipes | cluster | rust | e2e | worker | pages | openapi | demo) "$one" ;;
      *) echo "scripts/test.sh: unknown step $one; the top of the file lists the steps" >&2 && exit 2 ;;
    esac
  done
done

if ((${#failures[@]})); then printf '\nfailed: %s\n' "${failures[*]}"; else echo; fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && ${#failures[@]} == 0))
