#!/usr/bin/env bash
# Puts a release of the chart tradeops onto a cluster, changes it, and takes it away again.
#
#   scripts/deploy.sh deploy [HELM OPTION...]   installs or upgrades to TAG, waits for the pods, and says what to type next
#   scripts/deploy.sh update [HELM OPTION...]   the images of TAG for the release that is there, with the settings it has
#   scripts/deploy.sh history
#   scripts/deploy.sh rollback [REVISION]       to the one before, unless another is named
#   scripts/deploy.sh undeploy
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG say where: scripts/release.sh. Further
#
# TAG        the images' tag; the git commit unless set
# IMAGES     where the images' archives are, for clusters that they are loaded into (default target/images)
# REGISTRY   where images come from on other clusters; that of values-ENV.yaml unless set
# TIMEOUT    how long the pods may take (default 3m)
#
# With ENV=dev, Secrets that are missing are made: random tokens, and for the databases what DATABASE_URL, HISTORY_DATABASE_URL
# and INTERNAL_TOKEN have. Nothing of them is ever printed, or an argument of a program.
set -euo pipefail
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

readonly images=${IMAGES:-$root/target/images}
readonly programs=(trigger-api trades-sync curl-trigger)

tag() { if [[ -n ${TAG:-} ]]; then echo "$TAG"; else git -C "$root" rev-parse HEAD; fi; }

# The archive has the tag in it, so that one of another commit is noticed.
is_image() { [[ -r $images/$1.tar ]] && tar -xOf "$images/$1.tar" manifest.json | grep -qF "\"$1:$2\""; }

need_archives() {
  local program missing=()
  for program in "${programs[@]}"; do
    is_image "$program" "$tag" || missing+=("$program")
  done
  if ((${#missing[@]})) && [[ -z ${IMAGES:-} && -x $root/scripts/images.sh ]]; then
    echo "no images of $tag in target/images yet (${missing[*]}): just images"
    TAG=$tag "$root/scripts/images.sh" "${missing[@]}"
    missing=()
    for program in "${programs[@]}"; do
      is_image "$program" "$tag" || missing+=("$program")
    done
  fi
  ((${#missing[@]} == 0)) || give_up \
    "no image of the tag $tag in ${images#"$root/"}: ${missing[*]}. To make them: just images" \
    "Images of another tag are deployed with TAG=..."
}

# Gives the cluster its images where it can be given any, and sets image_options.
provide_images() {
  local program archive kind archives=()
  kind=$(cluster_kind)
  for program in "${programs[@]}"; do archives+=("$images/$program.tar"); done
  image_options=(--set-string "image.tag=$tag")
  case $kind in
    own)
      need_archives
      ((EUID == 0)) || give_up 'the node of scripts/cluster.sh takes images from root alone: run this as root'
      TRADEOPS_CLUSTER_DIR=$(dirname "$KUBECONFIG") "$root/scripts/cluster.sh" load "${archives[@]}" >/dev/null
      image_options+=(--set image.registry=)
      ;;
    kind)
      need_archives
      for archive in "${archives[@]}"; do
        kind load image-archive "$archive" --name "$(kubectl config current-context | sed s/^kind-//)"
      done
      image_options+=(--set image.registry=)
      ;;
    registry)
      if [[ -n ${REGISTRY:-} ]]; then
        image_options+=(--set-string "image.registry=$REGISTRY")
      elif [[ $* != *image.registry=* ]] && ! grep -qE '^  registry: .+' "$values"; then
        give_up "the nodes of this cluster take images from a registry, and values-$environment.yaml names none:" \
          "  $(again 'deploy --set image.registry=')   if the nodes have trigger-api:$tag and the others already" \
          "  REGISTRY=registry.example.com/tradeops $(again deploy)   if they are there; just images makes them"
      fi
      ;;
  esac
}

make_namespace() {
  ! kubectl get namespace "$namespace" >/dev/null 2>&1 || return 0
  kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels: {$made_label: deploy, pod-security.kubernetes.io/enforce: restricted}
END
  echo "made the namespace $namespace, for restricted pods alone"
}

# What a development's Secret has under a key. A database that nobody named leads nowhere, and a run says so.
made_up() {
  local nowhere=postgres://reader@postgres.invalid:5432/trades
  case $1/$2 in
    trigger-api-database/*) printf %s "${HISTORY_DATABASE_URL:-$nowhere}" ;;
    */DATABASE_URL) printf %s "${DATABASE_URL:-$nowhere}" ;;
    */INTERNAL_TOKEN) printf %s "${INTERNAL_TOKEN:-$(openssl rand -hex 32)}" ;;
    *) openssl rand -hex 32 | tr -d '\n' ;;
  esac
}

# All in pipes: an argument could be read by every user of the machine.
make_secret() {
  local secret=$1 key
  shift
  {
    printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  labels: {%s: deploy}\ndata:\n' "$secret" "$made_label"
    for key in "$@"; do
      printf '  %s: %s\n' "$key" "$(made_up "$secret" "$key" | base64 -w0)"
    done
  } | kube create -f - >/dev/null
  echo "made the Secret $secret: $*"
  if [[ " $* " == *' DATABASE_URL '* && -z ${DATABASE_URL:-} ]]; then
    echo "  its DATABASE_URL leads nowhere, as DATABASE_URL was not set: see \"Next\" below"
  fi
}

# Secrets that the release takes and that are not there. What External Secrets make is theirs to make.
provide_secrets() {
  local manifests missing secret keys key
  manifests=$(helm template "$release" "$chart" "$@")
  missing=$(secrets_in <<<"$manifests" | missing_secrets)
  if grep -q '^kind: ExternalSecret$' <<<"$manifests"; then
    missing=$(grep -vFf <(sed -n '/^kind: ExternalSecret$/,/^spec:/s/^  name: \(.*\)/\1 /p' <<<"$manifests") <<<"$missing" || true)
  fi
  [[ -n $missing ]] || return 0
  local commands=()
  while read -r secret; do
    mapfile -t keys < <(sed -n "s/^$secret //p" <<<"$missing")
    if keys_of "$secret" >/dev/null; then
      for key in "${keys[@]}"; do
        commands+=("  kubectl -n $namespace patch secret $secret --patch-file <(printf 'stringData: {%s: \"%s\"}' $key \"\$(cat $key)\")   # $key in a file of that name")
      done
    elif [[ $environment == dev ]]; then
      make_secret "$secret" "${keys[@]}"
    else
      commands+=("  kubectl -n $namespace create secret generic $secret ${keys[*]/#/--from-file=}")
    fi
  done < <(cut -d' ' -f1 <<<"$missing" | sort -u)
  ((${#commands[@]} == 0)) || give_up \
    "Secrets are missing in the namespace $namespace. With each value in a file of its key's name:" "${commands[@]}" \
    'External Secrets and Sealed Secrets do it too: docs/DEPLOY.md, "Secrets"'
}

# Installs or upgrades, and waits until what is new is ready.
upgrade() {
  local began=$SECONDS
  # shellcheck disable=SC2046 # no option, or one
  if ! helm upgrade --install "$release" "$chart" "$@" $(overwriting) --wait --timeout "${TIMEOUT:-3m}" >"$said" 2>&1; then
    cat "$said" >&2
    ! grep -q 'execution error\|schema' "$said" || exit 2
    explain_failure
    if helm history "$release" --max 2 2>/dev/null | grep superseded >/dev/null; then
      echo "to go back to what was there before: $(again rollback)" >&2
    fi
    exit 1
  fi
  echo "ready after $((SECONDS - began)) s"
}

deploy() {
  local tag values image_options
  need_cluster
  values=$(values_file)
  tag=$(tag)
  provide_images "$@"
  local options=(--values "$values" "${image_options[@]}" "$@")
  # Bad values end here, before anything is made.
  helm template "$release" "$chart" "${options[@]}" >/dev/null
  make_namespace
  provide_secrets "${options[@]}"
  start_what_is_stopped
  upgrade "${options[@]}"
  "$root/scripts/operate.sh" status
}

update() {
  local tag values image_options
  need_release
  values=$(values_file)
  tag=$(tag)
  provide_images "$@"
  start_what_is_stopped
  upgrade --reset-then-reuse-values "${image_options[@]}" "$@"
  "$root/scripts/operate.sh" status
}

# CronJobs that stay suspended would contradict what the release says of them.
start_what_is_stopped() {
  if [[ -n $(kube get cronjobs,deployments --selector "$selector" --output "jsonpath={.items[*].metadata.annotations.${stopped//./\\.}}") ]]; then
    "$root/scripts/operate.sh" start
  fi
}

rollback() {
  need_release
  # shellcheck disable=SC2046 # no option, or one
  if ! helm rollback "$release" "$@" $(overwriting) --wait --timeout "${TIMEOUT:-3m}" >"$said" 2>&1; then
    cat "$said" >&2
    explain_failure
    exit 1
  fi
  helm history "$release" --max 5
  "$root/scripts/operate.sh" status
}

undeploy() {
  need_release
  helm uninstall "$release" --wait --timeout "${TIMEOUT:-3m}"
  # Helm does not wait for what the cluster removes after it.
  kube wait pods --selector "$selector" --for=delete --timeout "${TIMEOUT:-3m}" >/dev/null
  # Others may have put something of theirs into the namespace, and Secrets of theirs stay.
  kube delete secrets --selector "$made_label=deploy" --ignore-not-found
  local left=()
  mapfile -t left < <(kube get all,configmaps,secrets,persistentvolumeclaims --output name 2>/dev/null | grep -vx configmap/kube-root-ca.crt || true)
  if ((${#left[@]})); then
    echo "what is left in the namespace $namespace is not the release's:"
    printf '  %s\n' "${left[@]}"
  elif [[ $(kubectl get namespace "$namespace" --output "jsonpath={.metadata.labels.${made_label//./\\.}}") == deploy ]]; then
    kubectl delete namespace "$namespace"
  else
    echo "the namespace $namespace is empty; it was there before the first deploy, so it stays"
  fi
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT
case ${1-} in
  deploy | update) "$@" ;;
  history)
    need_release
    helm history "$release"
    ;;
  rollback)
    (($# <= 2)) || usage
    "$@"
    ;;
  undeploy)
    (($# == 1)) || usage
    undeploy
    ;;
  *) usage ;;
esac
