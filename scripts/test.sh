#!/usr/bin/env bash
# Runs every check and test, after installing or naming what is missing. The last line counts them all.
#
#   scripts/test.sh            everything
#   scripts/test.sh worker     one step: format, lint, deny, images, charts, cluster, rust, e2e, worker, pages, openapi or demo
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly REAL_DAYS=../shared/data/snapshots
passed=0 failed=0 skipped=0
failures=()
log=$(mktemp)
own_cluster=
trap 'rm -f "$log"; take_cluster_down' EXIT

say() { printf '\n== %s\n' "$*"; }

# Runs one step's command; a step that counts no tests of its own counts as one.
step() {
  local name=$1 counter=$2 status=0 before=$((passed + failed)) failed_before=$failed
  shift 2
  say "$name: $*"
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

# "test result: ok. 6 passed; 0 failed; 0 ignored; ..."
count_cargo() {
  local p f i
  while read -r p f i; do
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + i))
  done < <(sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed; ([0-9]+) ignored;.*/\1 \2 \3/p' "$log")
}

# "43 passed, 0 failed", and what may follow; the last such line counts.
count_sentence() {
  local p f s
  read -r p f s < <(sed -nE 's/.*\b([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 \4/p' "$log" | tail -n 1) || true
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
}

# "# pass 200", "# fail 0", "# skipped 0"
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

need() {
  command -v "$1" >/dev/null && return
  echo "scripts/test.sh needs $1: $2" >&2
  exit 2
}

# Debian packages are installed when this runs as root; otherwise they are named.
package() {
  local name=$1
  if ((EUID != 0)); then
    echo "scripts/test.sh needs the package $name: sudo apt-get install $name" >&2
    exit 2
  fi
  say "installing $name"
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$name" >/dev/null
}

# The server, and the pooler that many clusters have before it.
prepare_postgres() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || package postgresql
  PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || package pgbouncer
}

# The cluster that KUBECONFIG names, else one of our own: with a node as root, where a node can be had.
prepare_cluster() {
  [[ -z ${KUBECONFIG:-} ]] || return 0
  need go 'install Go 1.26 or later; it builds the cluster that the tests run on'
  local kind=()
  ((EUID == 0)) || kind=(--control-plane)
  export TRADEOPS_CLUSTER_DIR
  TRADEOPS_CLUSTER_DIR=$(mktemp -d)
  say "a cluster for the tests: scripts/cluster.sh up ${kind[*]}"
  own_cluster=yes
  scripts/cluster.sh up "${kind[@]}"
  eval "$(scripts/cluster.sh env)"
}

take_cluster_down() {
  [[ -n $own_cluster ]] || return 0
  scripts/cluster.sh down >/dev/null || echo 'the cluster of the tests could not be taken down whole' >&2
  rm -rf "$TRADEOPS_CLUSTER_DIR"
  own_cluster='' && unset KUBECONFIG TRADEOPS_CLUSTER_DIR
}

prepare_worker() {
  need node 'install Node.js 20 or later'
  need npm 'it comes with Node.js'
  local installed=deploy/worker/node_modules/.package-lock.json
  if [[ ! -e $installed || deploy/worker/package-lock.json -nt $installed ]]; then
    say 'installing the packages of deploy/worker'
    npm --prefix deploy/worker ci --no-audit --no-fund
  fi
}

format() { step format count_nothing cargo fmt --all --check; }

lint() {
  step lint count_nothing cargo clippy --workspace --all-targets --locked -- -D warnings
  # curl-trigger's program has no standard library, so it is no target of an ordinary build.
  local flavour
  for flavour in program tls; do
    step "lint curl-trigger, $flavour" count_nothing \
      env RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' CARGO_TARGET_DIR=target/curl-trigger-lint \
      cargo clippy --locked --profile tiny --package curl-trigger --bin curl-trigger --features "$flavour" -- -D warnings
  done
}

deny() {
  command -v cargo-deny >/dev/null || { say 'installing cargo-deny' && cargo install --locked --quiet cargo-deny; }
  step deny count_nothing cargo deny --log-level error check bans licenses sources
}

rust() {
  prepare_postgres
  prepare_worker
  command -v curl >/dev/null || package curl
  need python3 'install Python 3'
  prepare_cluster
  local left_out=() number
  if [[ ! -d $REAL_DAYS ]]; then
    number=$(grep -rh 'fn real_days_' crates/*/tests/it | wc -l)
    echo "skipped: $number tests on real days, because $REAL_DAYS is not there; sample days are tested all the same"
    skipped=$((skipped + number))
    left_out+=(--skip real_days)
  fi
  if ! kubectl get nodes --no-headers 2>/dev/null | grep -q .; then
    number=$(grep -rh '^#\[tokio::test' crates/trigger-api/tests/it/on_a_node* | wc -l)
    echo "skipped: $number tests of logs and causes of failure, because the cluster has no node; as root there is one"
    skipped=$((skipped + number))
    left_out+=(--skip on_a_node)
  fi
  # Tests wait for servers most of the time, so more of them at once than there are processors.
  step rust count_cargo cargo test --workspace --exclude demo --exclude e2e --locked --no-fail-fast -- --test-threads 8 "${left_out[@]}"
  take_cluster_down
}

# The whole platform on a cluster with a node, deployed by the operators' own scripts.
e2e() {
  prepare_postgres
  prepare_worker
  need curl 'apt-get install curl'
  need python3 'install Python 3'
  need go 'install Go 1.26 or later; it builds Helm'
  prepare_cluster
  if ! kubectl get nodes --no-headers 2>/dev/null | grep -q .; then
    local number
    number=$(grep -c '^    ("' crates/e2e/tests/e2e/main.rs)
    echo "skipped: $number tests of a deployed platform, because the cluster has no node; as root there is one"
    skipped=$((skipped + number))
  else
    scripts/tools.sh helm >/dev/null
    # As part of the workspace, because alone its dependencies would be built with other features, all of them again.
    step e2e count_cargo cargo test --workspace --exclude demo --locked --test e2e
  fi
  take_cluster_down
}

worker() {
  prepare_worker
  step worker count_node npm --prefix deploy/worker test
}

# Takes a cluster up and down again, and looks at what is left of it.
cluster() {
  need go 'install Go 1.26 or later; it builds the cluster that the tests run on'
  step cluster count_sentence crates/e2e/cluster/test.sh
}

images() {
  need python3 'install Python 3'
  step images count_sentence scripts/check-images.sh
}

charts() {
  need go 'install Go 1.26 or later; it builds Helm and the linters, and the API server that the charts are tried on'
  need python3 'install Python 3'
  step charts count_sentence scripts/check-charts.sh
}

pages() {
  need python3 'install Python 3'
  step pages count_sentence scripts/test-streamlit.sh
}

openapi() {
  need python3 'install Python 3'
  step openapi count_sentence scripts/fuzz-openapi.sh
}

demo() { step demo count_nothing cargo demo -- --exit; }

need cargo 'install Rust from https://rustup.rs'
need cc 'install a C compiler and linker, such as the package gcc'
for name in "${@:-format lint deny images charts cluster rust e2e worker pages openapi demo}"; do
  for one in $name; do
    declare -F "$one" >/dev/null || { echo "there is no step $one; see the top of scripts/test.sh" >&2; exit 2; }
    "$one"
  done
done

if ((${#failures[@]})); then printf '\nfailed: %s\n' "${failures[*]}"; else echo; fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && ${#failures[@]} == 0))
