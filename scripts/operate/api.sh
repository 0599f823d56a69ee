# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh sets the variables
# Sourced by scripts/operate.sh: requests to the release's HTTP API, and a forwarded port for them.

forward_pid=

# try_connect SECONDS: forwards a free port to the API until this script ends, and sets address. If there is no connection within
# this time, returns 1 and sets problem.
try_connect() {
  [[ -z $forward_pid ]] || return 0
  need_cluster
  local line seconds=$1
  coproc FORWARD { exec kubectl --namespace "$namespace" port-forward --pod-running-timeout "${seconds}s" "service/$api" ":$api_port" 2>&1; }
  # shellcheck disable=SC2153 # coproc sets it
  forward_pid=$FORWARD_PID
  read -r -t "$((seconds + 1))" line <&"${FORWARD[0]}" || line='no response'
  if [[ ! $line =~ ^Forwarding\ from\ 127\.0\.0\.1:([0-9]+) ]]; then
    problem=$line
    return 1
  fi
  address=http://127.0.0.1:${BASH_REMATCH[1]}
}

connect() {
  [[ -n $forward_pid ]] || need_release
  try_connect 30 || give_up "$api in the namespace $namespace can't be reached: $problem" "To see the reason: $(again status)"
}

disconnect() { [[ -z $forward_pid ]] || kill "$forward_pid" 2>/dev/null || true; }

# Prints the header with a credential of the release as a line of curl's configuration: other users can read arguments.
credential() {
  local header=$1 mounted=$2 secret key value
  IFS=' ' read -r secret key < <(kube get deployment "$api" --output \
    "jsonpath={range .spec.template.spec.volumes[?(@.name==\"$mounted\")]}{.secret.secretName} {.secret.items[0].key}{\"\n\"}{end}") || true
  [[ -n ${secret:-} ]] || return 0
  value=$(kube get secret "$secret" --output "go-template={{ index .data \"$key\" | base64decode }}" | head -n 1)
  printf 'header = "%s: %s"\n' "$header" "$value"
}

# api METHOD PATH [CURL OPTION...]: uses the credential of the release with the most rights.
api() {
  local method=$1 path=$2 credential
  shift 2
  connect
  credential=$(credential X-Admin-Secret admin-secret)
  [[ -n $credential ]] || credential=$(credential X-Internal-Token token)
  [[ -n $credential ]] || credential=$(credential X-Read-Token read-token)
  curl --silent --show-error --no-buffer --request "$method" --config - "$@" "$address$path" <<<"$credential"
}
