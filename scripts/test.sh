#!/usr/bin/env bash
# Runs every check and test, after installing or naming what is missing. The last line counts them all.
#
#   scripts/test.sh            everything
#   scripts/test.sh worker     one step: format, lint, deny, rust, worker or demo
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly REAL_DAYS=../shared/data/snapshots
passed=0 failed=0 skipped=0
failures=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

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

prepare_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || package postgresql; }

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
  local filter=()
  if [[ ! -d $REAL_DAYS ]]; then
    echo "skipped: the test on real days, because $REAL_DAYS is not there; sample days are tested all the same"
    skipped=$((skipped + 1))
    filter=(-- --skip real_days)
  fi
  step rust count_cargo cargo test --workspace --exclude demo --locked --no-fail-fast "${filter[@]}"
}

worker() {
  prepare_worker
  step worker count_node npm --prefix deploy/worker test
}

demo() { step demo count_nothing cargo demo -- --exit; }

need cargo 'install Rust from https://rustup.rs'
need cc 'install a C compiler and linker, such as the package gcc'
for name in "${@:-format lint deny rust worker demo}"; do
  for one in $name; do
    declare -F "$one" >/dev/null || { echo "there is no step $one; see the top of scripts/test.sh" >&2; exit 2; }
    "$one"
  done
done

if ((${#failures[@]})); then printf '\nfailed: %s\n' "${failures[*]}"; else echo; fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && ${#failures[@]} == 0))
