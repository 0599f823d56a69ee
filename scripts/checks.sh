# shellcheck shell=bash
# Sourced by check-charts.sh and check-recipes.sh: checks, and their counts.

passed=0 failed=0
# check TITLE COMMAND...: prints a line; the output of the command only if it fails.
check() {
  local title=$1 output began=$SECONDS
  shift
  # As the condition of an `if`, the command would continue after an error.
  set +e
  output=$(set -e; "$@" 2>&1)
  local status=$?
  set -e
  if ((status == 0)); then
    passed=$((passed + 1))
    printf 'ok      %-90s %3d s\n' "$title" $((SECONDS - began))
  else
    failed=$((failed + 1))
    echo "FAILED  $title"
    tail -n 40 <<<"$output" | while IFS= read -r line; do printf '        %s\n' "$line"; done
  fi
}

kubectl() { command kubectl --request-timeout=30s "$@"; }
# eventually SECONDS COMMAND...: repeats the command until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    ((SECONDS < deadline)) || { echo "$output" && return 1; }
    sleep 0.3
  done
}
# refused EXPECTED COMMAND...: checks that the command fails with the expected text.
refused() {
  local expected=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo 'it succeeded' && return 1
  fi
  [[ $output == *"$expected"* ]] || { printf 'expected: %s\ngot: %s\n' "$expected" "$output" && return 1; }
}
