#!/usr/bin/env bash
# Installs a release of the chart tradeops or aegis-trader, changes it, and removes it.
#
#   scripts/deploy.sh deploy [HELM OPTION...]   installs or upgrades to TAG, waits for the pods, and prints the next commands.
#                                               The settings are those of values-ENV.yaml and of the options, as with Helm: options
#                                               of earlier deploys are not kept. Keep them in a file: deploy --values FILE
#   scripts/deploy.sh update [HELM OPTION...]   upgrades the release to the images of TAG, and keeps its settings
#   scripts/deploy.sh update-api [HELM OPTION...]         aegis-trader: upgrades only monitor-api to the image of TAG
#   scripts/deploy.sh update-ui IMAGE [HELM OPTION...]    aegis-trader: deploys this image of the console, a complete reference
#   scripts/deploy.sh history
#   scripts/deploy.sh rollback [REVISION]       to the previous revision, or to the named one
#   scripts/deploy.sh undeploy
#
# ENV, NAMESPACE, RELEASE and KUBECONFIG select the release: scripts/release.sh. More variables:
#
# TAG        the images' tag (default: that of scripts/images.sh; the images of NATS have their own)
# IMAGES     the folder of the images' archives, for clusters that images are loaded into (default target/images)
# REGISTRY   the registry of the images, for other clusters (default: that of values-ENV.yaml)
# TIMEOUT    the limit for the pods to become ready (default 3m; aegis-trader: 10m)
#
# With ENV=dev, missing Secrets are created: with the values of DATABASE_URL, HISTORY_DATABASE_URL and INTERNAL_TOKEN, and with
# random tokens. Their values are never printed or passed as an argument.
set -euo pipefail
case ${1-} in update-api | update-ui) RELEASE=${RELEASE:-${CHART:-aegis-trader}} ;; esac
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"
# shellcheck source=scripts/deploy/images.sh
source "$root/scripts/deploy/images.sh"
# shellcheck source=scripts/deploy/secrets.sh
source "$root/scripts/deploy/secrets.sh"
# shellcheck source=scripts/deploy/volumes.sh
source "$root/scripts/deploy/volumes.sh"
# shellcheck source=scripts/deploy/admission.sh
source "$root/scripts/deploy/admission.sh"
# shellcheck source=scripts/deploy/upgrade.sh
source "$root/scripts/deploy/upgrade.sh"

usage() {
  sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Its exit code is about problems, such as a failed run, and not about the deploy.
show_status() { "$root/scripts/tradeops.sh" status || true; }

readonly images=${IMAGES:-$root/target/images}
# The images to deploy.
programs=("${images_of_chart[@]}")

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

deploy() {
  local tag values image_options
  need_cluster
  values=$(values_file)
  tag=$(image_tag)
  provide_images "$@"
  local options=(--values "$values" "${image_options[@]}" --set-string "image.tag=$tag" "$@")
  # Invalid values fail here, before anything is created.
  helm upgrade --install "$release" "$chart" "${options[@]}" --dry-run=client --output json >"$output"
  show_dropped_settings
  create_namespace
  provide_secrets "${options[@]}"
  provide_volumes "$@"
  upgrade "${options[@]}"
  check_admission
  show_status
}

update() {
  local tag image_options
  need_release
  tag=$(image_tag)
  provide_images "$@"
  local options=("${image_options[@]}" --set-string "image.tag=$tag")
  # Ends what update-api has set.
  [[ $chart_name != aegis-trader ]] || options+=(--set-string monitorApi.tag=)
  reuse_values "${options[@]}" "$@"
}

# Upgrades the release with its current settings and these changes.
reuse_values() {
  upgrade --reset-then-reuse-values "$@"
  show_status
}

need_aegis_trader() { [[ $chart_name == aegis-trader ]] || give_up "$1 is for the release aegis-trader: RELEASE=aegis-trader just $1"; }

update-api() {
  local tag settings own registry image_options
  need_aegis_trader update-api
  need_release
  tag=$(image_tag) programs=(monitor-api)
  settings=$(helm get values "$release" --all --output json)
  own=$("$root/scripts/show_values.py" get monitorApi.image <<<"$settings")
  registry=$("$root/scripts/show_values.py" get image.registry <<<"$settings")
  [[ -z $own || $* == *monitorApi.image=* ]] || give_up \
    "the settings of the release name an image of monitor-api, $own, which has its own tag. To deploy the one of $tag instead:" \
    "  $(again 'update-api --set-string monitorApi.image=')"
  [[ ${REGISTRY:-$registry} == "$registry" ]] || give_up \
    "update-api uses the registry of the release, ${registry:-which is empty}, and not REGISTRY: $REGISTRY. just update changes it for all images"
  provide_images "$@"
  reuse_values --set-string "monitorApi.tag=$tag" "$@"
}

update-ui() {
  need_aegis_trader update-ui
  [[ ${1:-} == *:* ]] || give_up 'name the image of the console with its tag: just update-ui registry.example.com/monitor-ui:1.0.0'
  local image=$1
  shift
  need_release
  reuse_values --set monitorUi.enabled=true --set-string "monitorUi.image=$image" "$@"
}

rollback() {
  need_release
  # shellcheck disable=SC2046 # one option or none
  if ! with_progress helm rollback "$release" "$@" $(force_option) --wait --timeout "$timeout"; then
    cat "$output" >&2
    explain_failure
    exit 1
  fi
  forget_stop
  helm history "$release" --max 5
  show_status
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
  mapfile -t claims < <(kube get persistentvolumeclaims --output name | grep "/$release-nats-js-" || true)
  mapfile -t left < <(kube get all,configmaps,secrets,persistentvolumeclaims --output name 2>/dev/null |
    grep -vxF -e configmap/kube-root-ca.crt "${claims[@]/#/--regexp=}" || true)
  if ((${#left[@]})); then
    echo "the namespace $namespace is kept, because it has objects that are not part of the release:"
    printf '  %s\n' "${left[@]}"
  elif ((${#claims[@]})); then
    echo "the namespace $namespace is kept, because it has the volumes of NATS"
  elif [[ $(kubectl get namespace "$namespace" --output "jsonpath={.metadata.labels.${made_label//./\\.}}") == deploy ]]; then
    kubectl delete namespace "$namespace"
  else
    echo "the namespace $namespace is empty. It is kept, because just deploy did not create it"
  fi
  if ((${#claims[@]})); then
    echo 'The next deploy uses the volumes of NATS and their data. To delete them, with all data:'
    echo "  kubectl -n $namespace delete ${claims[*]}"
  fi
}

output=$(mktemp)
trap 'end_progress; rm -f "$output"' EXIT
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
