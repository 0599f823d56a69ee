# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and scripts/deploy.sh set the variables
# Sourced by scripts/deploy.sh: the Secrets that a release needs.

# Prints the value of a key of a development Secret. Without a given URL, the host of a database does not exist.
development_value() {
  local nowhere=postgres://reader@postgres.invalid:5432/trades
  case $1/$2 in
    trigger-api-database/*) printf %s "${HISTORY_DATABASE_URL:-$nowhere}" ;;
    */DATABASE_URL) printf %s "${DATABASE_URL:-$nowhere}" ;;
    */INTERNAL_TOKEN) printf %s "${INTERNAL_TOKEN:-$(openssl rand -hex 32)}" ;;
    *) openssl rand -hex 32 | tr -d '\n' ;;
  esac
}

# Certificates, and users of NATS, can't be random.
all_tokens() { [[ ! " $* " =~ (nats\.creds|\.conf|\.crt|\.key|\ username|\ password)\  ]]; }

# Values are passed through pipes: every user of the machine can read arguments.
create_secret() {
  local secret=$1 key
  shift
  {
    printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels: {%s: deploy}\ndata:\n' "$secret" "$made_label"
    for key in "$@"; do
      printf '  %s: %s\n' "$key" "$(development_value "$secret" "$key" | base64 -w0)"
    done
  } | kube create -f - >/dev/null
  echo "created the Secret $secret: $*"
  if [[ " $* " == *' DATABASE_URL '* && -z ${DATABASE_URL:-} ]]; then
    echo "  its DATABASE_URL names no existing database, because DATABASE_URL is not set: see \"Next\" below"
  fi
}

# Creates the Secrets that the release needs, or names them. An ExternalSecret creates its Secret itself.
provide_secrets() {
  local missing secret keys key
  missing=$(helm template "$release" "$chart" "$@" | list own-secrets | missing_secrets)
  [[ -n $missing ]] || return 0
  local commands=()
  while read -r secret; do
    mapfile -t keys < <(sed -n "s/^$secret //p" <<<"$missing")
    if keys_of "$secret" >/dev/null; then
      for key in "${keys[@]}"; do
        commands+=("  kubectl -n $namespace patch secret $secret --patch-file <(printf 'stringData: {%s: \"%s\"}' $key \"\$(cat $key)\")   # the value in the file $key")
      done
    elif [[ $environment == dev ]] && all_tokens "${keys[@]}"; then
      create_secret "$secret" "${keys[@]}"
    else
      commands+=("  kubectl -n $namespace create secret generic $secret ${keys[*]/#/--from-file=}")
    fi
  done < <(cut -d' ' -f1 <<<"$missing" | sort -u)
  ((${#commands[@]} == 0)) || give_up \
    "the namespace $namespace lacks Secrets. Write each value to a file with the name of its key, then:" "${commands[@]}" \
    'External Secrets or Sealed Secrets can create them instead: docs/DEPLOY.md, "Secrets"'
}
