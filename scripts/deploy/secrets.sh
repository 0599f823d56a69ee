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
    echo "  its DATABASE_URL names no existing database, because DATABASE_URL is not set: set it, and deploy again"
  fi
}

# update_database SECRET ADDRESS: gives an address to a Secret of an earlier deploy. One that deploy did not create is not changed.
update_database() {
  local secret=$1 new label
  new=$(printf %s "$2" | base64 -w0)
  [[ -n $new ]] && keys_of "$secret" >/dev/null || return 0
  [[ $(kube get secret "$secret" --output 'jsonpath={.data.DATABASE_URL}') != "$new" ]] || return 0
  label=$(kube get secret "$secret" --output "jsonpath={.metadata.labels.${made_label//./\\.}}")
  if [[ $label == deploy ]]; then
    kube patch secret "$secret" --patch-file <(printf 'data: {DATABASE_URL: %s}' "$new") >/dev/null
    echo "changed DATABASE_URL of the Secret $secret to the given address"
  else
    echo "the given address is not used: the Secret $secret, which deploy did not create, has another DATABASE_URL"
  fi
}

# Creates the Secrets that the release needs, or names them. An ExternalSecret creates its Secret itself.
provide_secrets() {
  local missing secret keys key command
  missing=$(helm template "$release" "$chart" "$@" | list own-secrets | missing_secrets)
  update_database trades-sync-secret "${DATABASE_URL:-}"
  update_database trigger-api-database "${HISTORY_DATABASE_URL:-}"
  [[ -n $missing ]] || return 0
  local commands=()
  while read -r secret; do
    mapfile -t keys < <(sed -n "s/^$secret //p" <<<"$missing")
    if keys_of "$secret" >/dev/null; then
      for key in "${keys[@]}"; do
        commands+=("  kubectl -n $namespace patch secret $secret --patch-file <(printf 'data: {%s: %s}' $key \"\$(base64 -w0 $secret.$key)\")")
      done
    elif [[ $environment == dev ]] && all_tokens "${keys[@]}"; then
      create_secret "$secret" "${keys[@]}"
    else
      # Two Secrets can have a key of the same name, for different values.
      command="  kubectl -n $namespace create secret generic $secret"
      for key in "${keys[@]}"; do command+=" --from-file=$key=$secret.$key"; done
      commands+=("$command")
    fi
  done < <(cut -d' ' -f1 <<<"$missing" | sort -u)
  ((${#commands[@]} == 0)) || give_up \
    "the namespace $namespace lacks Secrets. Write each value to a file named SECRET.KEY, then:" "${commands[@]}" \
    'External Secrets or Sealed Secrets can create them instead: docs/DEPLOY.md, "Secrets"'
}
