#!/usr/bin/env bash
# Installs a release of the chart tradeops or aegis-trader, changes it, and removes it.
#
#   scripts/deploy.sh deploy [HELM OPTION...]   installs or upgrades to TAG, waits for the pods, and prints the next commands
#   scripts/deploy.sh update [HELM OPTION...]   upgrades the release to the images of TAG, with its current settings
#   scripts/deploy.sh update-api [HELM OPTION...]         aegis-trader: upgrades only monitor-api to the image of TAG
#   scripts/deploy.sh update-ui IMAGE [HELM OPTION...]    aegis-trader: deploys this image of the console, a complete reference
#   scripts/deploy.sh history
#   scripts/deploy.sh rollback [REVISION]       to the previous revision, or to the named one
#   scripts/deploy.sh undeploy
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. More variables:
#
# TAG        the images' tag (default: the git commit)
# IMAGES     the folder of the images' archives, for clusters that images are loaded into (default target/images)
# REGISTRY   the registry of the images, for other clusters (default: that of values-ENV.yaml)
# TIMEOUT    the limit for the pods to become ready (default 3m; aegis-trader: 10m)
#
# With ENV=dev, missing Secrets are created: with the values of DATABASE_URL, HISTORY_DATABASE_URL and INTERNAL_TOKEN, and with
# random tokens. Their values are never printed or passed as an argument.
set -euo pipefail
case ${1-} in update-api | update-ui) RELEASE=${RELEASE:-aegis-trader} ;; esac
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

readonly images=${IMAGES:-$root/target/images}
# The images to deploy.
programs=("${images_of_chart[@]}")

tag() { if [[ -n ${TAG:-} ]]; then echo "$TAG"; else git -C "$root" rev-parse HEAD; fi; }

# The tag is part of the archive, so an archive of another commit is noticed.
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
    "${images#"$root/"} has no images with the tag $tag for ${missing[*]}. To build them: just images" \
    "To deploy images with another tag, set TAG"
}

# Loads the images into the cluster if it has no registry, and sets image_options: the registry, unless the values have it.
# $values is set for a deploy; other commands keep the registry of the release.
provide_images() {
  local program archive kind archives=()
  kind=$(cluster_kind)
  for program in "${programs[@]}"; do archives+=("$images/$program.tar"); done
  image_options=()
  case $kind in
    own)
      need_archives
      ((EUID == 0)) || give_up 'only root can load images into the node of scripts/cluster.sh: run this as root'
      TRADEOPS_CLUSTER_DIR=$(dirname "$KUBECONFIG") "$root/scripts/cluster.sh" load "${archives[@]}" >/dev/null
      image_options=(--set image.registry=)
      ;;
    kind)
      need_archives
      for archive in "${archives[@]}"; do
        kind load image-archive "$archive" --name "$(kubectl config current-context | sed s/^kind-//)"
      done
      image_options=(--set image.registry=)
      ;;
    registry)
      if [[ -n ${REGISTRY:-} ]]; then
        image_options=(--set-string "image.registry=$REGISTRY")
      elif [[ -n ${values:-} && $* != *image.registry=* ]] && ! values_name_registry; then
        give_up "the nodes of this cluster pull images from a registry, but values-$environment.yaml names none:" \
          "  $(again 'deploy --set image.registry=')   if the nodes already have ${programs[0]}:$tag and the other images" \
          "  REGISTRY=registry.example.com/tradeops $(again deploy)   if the registry has them; just images builds them"
      fi
      ;;
  esac
}

# The image of a registry has a slash in its name.
values_name_registry() {
  helm template "$release" "$chart" --values "$values" --set-string "image.tag=$tag" | list images | grep / >/dev/null
}

create_namespace() {
  ! kubectl get namespace "$namespace" >/dev/null 2>&1 || return 0
  kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels: {$made_label: deploy, pod-security.kubernetes.io/enforce: restricted}
END
  echo "created the namespace $namespace, which admits only restricted pods"
}

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

# The node of scripts/cluster.sh has no storage. Volumes for the servers of NATS are folders beside its kubeconfig, and are deleted
# with the cluster. A named storage class has its own.
provide_volumes() {
  local number name folder
  [[ $chart == */aegis-trader && $* != *storageClassName=* && $(cluster_kind) == own ]] || return 0
  [[ -z $(kubectl get storageclasses --output name) ]] || return 0
  for number in 0 1 2 3 4; do
    name=$release-nats-js-$release-nats-$number folder=$(dirname "$KUBECONFIG")/volumes/$namespace-$name
    ! kubectl get persistentvolume "$namespace-$name" >/dev/null 2>&1 || continue
    install --directory --mode 0770 --owner 1000 --group 1000 "$folder"
    kubectl create -f - >/dev/null <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $namespace-$name, labels: {$made_label: deploy}}
spec:
  accessModes: [ReadWriteOnce]
  capacity: {storage: 10Gi}
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: $namespace, name: $name}
  hostPath: {path: $folder}
END
  done
}

# Installs or upgrades, and waits until the pods are ready.
upgrade() {
  local began=$SECONDS
  # shellcheck disable=SC2046 # one option or none
  if ! helm upgrade --install "$release" "$chart" "$@" $(force_option) --wait --timeout "$timeout" >"$output" 2>&1; then
    cat "$output" >&2
    ! grep -q 'execution error\|schema' "$output" || exit 2
    explain_failure
    if helm history "$release" --max 2 2>/dev/null | grep superseded >/dev/null; then
      echo "to return to the previous revision: $(again rollback)" >&2
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
  local options=(--values "$values" "${image_options[@]}" --set-string "image.tag=$tag" "$@")
  # Invalid values fail here, before anything is created.
  helm template "$release" "$chart" "${options[@]}" >/dev/null
  create_namespace
  provide_secrets "${options[@]}"
  provide_volumes "$@"
  start_stopped
  upgrade "${options[@]}"
  "$root/scripts/operate.sh" status
}

update() {
  local tag image_options
  need_release
  tag=$(tag)
  provide_images "$@"
  local options=("${image_options[@]}" --set-string "image.tag=$tag")
  # Ends what update-api has set.
  [[ $chart_name != aegis-trader ]] || options+=(--set-string monitorApi.image=)
  reuse_values "${options[@]}" "$@"
}

# Upgrades the release with its current settings and these changes.
reuse_values() {
  start_stopped
  upgrade --reset-then-reuse-values "$@"
  "$root/scripts/operate.sh" status
}

need_aegis_trader() { [[ $chart_name == aegis-trader ]] || give_up "$1 is for the release aegis-trader: RELEASE=aegis-trader just $1"; }

# A deploy of all images would also replace the pods of NATS.
update-api() {
  local tag registry image_options
  need_aegis_trader update-api
  need_release
  tag=$(tag) programs=(monitor-api)
  provide_images "$@"
  registry=$(helm get values "$release" --all --output json | python3 -c 'import json, sys; print(json.load(sys.stdin).get("image", {}).get("registry", ""))')
  case ${image_options[*]} in
    *image.registry=) registry= ;;
    *image.registry=*) registry=$REGISTRY ;;
  esac
  reuse_values --set-string "monitorApi.image=${registry:+$registry/}monitor-api:$tag" "$@"
}

update-ui() {
  need_aegis_trader update-ui
  [[ ${1:-} == *:* ]] || give_up 'name the image of the console with its tag: just update-ui registry.example.com/monitor-ui:1.0.0'
  local image=$1
  shift
  need_release
  reuse_values --set monitorUi.enabled=true --set-string "monitorUi.image=$image" "$@"
}

# A CronJob that stays suspended would contradict the release's values.
start_stopped() {
  if [[ -n $(kube get cronjobs,deployments,statefulsets --selector "$selector" --output "jsonpath={.items[*].metadata.annotations.${stopped//./\\.}}") ]]; then
    "$root/scripts/operate.sh" start
  fi
}

rollback() {
  need_release
  # shellcheck disable=SC2046 # one option or none
  if ! helm rollback "$release" "$@" $(force_option) --wait --timeout "$timeout" >"$output" 2>&1; then
    cat "$output" >&2
    explain_failure
    exit 1
  fi
  helm history "$release" --max 5
  "$root/scripts/operate.sh" status
}

undeploy() {
  need_release
  local hooks
  hooks=$(helm get hooks "$release")
  helm uninstall "$release" --wait --timeout "$timeout"
  # Helm keeps the Jobs of hooks.
  [[ -z $hooks ]] || kube delete --ignore-not-found --filename - <<<"$hooks"
  # Helm does not wait for the pods that the cluster deletes afterwards.
  kube wait pods --selector "$selector" --for=delete --timeout "$timeout" >/dev/null
  # Objects of others in the namespace are kept.
  kube delete secrets --selector "$made_label=deploy" --ignore-not-found
  local left=() claims=()
  mapfile -t left < <(kube get all,configmaps,secrets,persistentvolumeclaims --output name 2>/dev/null | grep -vx configmap/kube-root-ca.crt || true)
  if ((${#left[@]})); then
    echo "the namespace $namespace still has objects that are not part of the release:"
    printf '  %s\n' "${left[@]}"
  elif [[ $(kubectl get namespace "$namespace" --output "jsonpath={.metadata.labels.${made_label//./\\.}}") == deploy ]]; then
    kubectl delete namespace "$namespace"
  else
    echo "the namespace $namespace is empty. It existed before the first deployment, so it is kept"
  fi
  mapfile -t claims < <(printf '%s\n' "${left[@]}" | grep "^persistentvolumeclaim/$release-nats-js-" || true)
  if ((${#claims[@]})); then
    echo 'The volumes of NATS and their data are kept, and the next deploy uses them. To delete them, with all data:'
    echo "  kubectl -n $namespace delete ${claims[*]}"
  fi
}

output=$(mktemp)
trap 'rm -f "$output"' EXIT
case ${1-} in
  deploy | update | update-api | update-ui) "$@" ;;
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
