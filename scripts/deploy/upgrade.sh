# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and scripts/deploy.sh set the variables
# Sourced by scripts/deploy.sh: Helm, and what is shown before it starts and while it waits.

# Installs or upgrades, and waits until the pods are ready. Helm sets the numbers of replicas and resumes the schedules, so the pods of a
# stopped release start with the new settings only.
upgrade() {
  local began=$SECONDS
  # shellcheck disable=SC2046 # one option or none
  if ! with_progress helm upgrade --install "$release" "$chart" "$@" $(force_option) --wait --timeout "$timeout"; then
    cat "$output" >&2
    ! grep -q 'execution error\|schema' "$output" || exit 2
    explain_failure
    if helm history "$release" --max 2 2>/dev/null | grep superseded >/dev/null; then
      echo "to return to the previous revision: $(again rollback)" >&2
    fi
    exit 1
  fi
  forget_stop
  echo "ready after $((SECONDS - began)) s"
}

# Deletes the annotations of `just stop`.
forget_stop() {
  local kinds=cronjobs,deployments,statefulsets
  if [[ -n $(kube get $kinds --selector "$selector" --output "jsonpath={.items[*].metadata.annotations.${stopped//./\\.}}") ]]; then
    kube annotate $kinds --selector "$selector" "$stopped-" >/dev/null
  fi
}

# Names the settings of the installed revision that a deploy removes. $output has the dry run of the deploy.
show_dropped_settings() {
  local dropped
  dropped=$("$root/scripts/show_values.py" dropped <(helm get values "$release" --output json 2>/dev/null || true) "$output")
  [[ -n $dropped ]] || return 0
  echo "this deploy removes settings of the current revision, because options are not kept. To keep them, put them into a file for --values, or use $(again update):"
  printf '%s\n' "$dropped"
}

# ---- Progress

progress_pid=
# with_progress COMMAND...: writes its output to the file $output, and prints every 10 seconds what the release waits for.
with_progress() {
  local status=0
  print_progress &
  progress_pid=$!
  "$@" >"$output" 2>&1 || status=$?
  end_progress
  return "$status"
}

end_progress() {
  [[ -n $progress_pid ]] || return 0
  kill "$progress_pid" 2>/dev/null || true
  wait "$progress_pid" 2>/dev/null || true
  progress_pid=
}

print_progress() {
  local began=$SECONDS waiting pause
  # The sleep would keep the output of this script open.
  trap 'kill "$pause" 2>/dev/null; exit 0' TERM
  while :; do
    sleep 10 &
    pause=$!
    wait "$pause"
    waiting=$(list_state 2>/dev/null | "$root/scripts/show_problems.py" --summary) || true
    echo "after $((SECONDS - began)) s: ${waiting:-waiting for Helm}"
  done
}
