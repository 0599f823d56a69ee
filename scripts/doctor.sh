#!/usr/bin/env bash
# Checks this machine, the cluster and the release. Prints a line for each check; a line of something missing has the fix. The exit
# code is 0 only if nothing is missing. ENV, NAMESPACE, RELEASE, KUBECONFIG: scripts/release.sh.
set -euo pipefail
# shellcheck source=scripts/release.sh
source "$(dirname "${BASH_SOURCE[0]}")/release.sh"
# shellcheck source=scripts/deploy/images.sh
source "$root/scripts/deploy/images.sh"
# shellcheck source=scripts/deploy/admission.sh
source "$root/scripts/deploy/admission.sh"

missing=0
ok() { printf 'ok       %s\n' "$*"; }
note() { printf 'note     %s\n' "$*"; }
lacks() {
  missing=$((missing + 1))
  printf 'missing  %s: %s\n' "$1" "$2"
}

# program NAME PURPOSE HOW-TO-INSTALL-IT
program() { if command -v "$1" >/dev/null; then ok "$1, which $2"; else lacks "$1, which $2" "$3"; fi; }

# Prints the phase of each claim of NATS.
claims_of_nats() {
  kube get persistentvolumeclaims --output 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}' 2>/dev/null |
    sed -n "s/^$release-nats-js-[^ ]* //p"
}

# The volumes of NATS exist, or the cluster can create them.
check_volumes() {
  local default='{range .items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")]}{.metadata.name}{end}' class bound pending free
  bound=$(claims_of_nats | grep -c Bound) || true
  pending=$(claims_of_nats | grep -vc Bound) || true
  class=$(kubectl get storageclasses --output "jsonpath=$default")
  free=$(kubectl get persistentvolumes --output 'jsonpath={.items[?(@.status.phase=="Available")].metadata.name}' 2>/dev/null) || true
  if ((bound > 0 && pending == 0)); then
    ok "volumes of NATS: $bound"
  elif [[ $(cluster_kind) == own ]]; then
    note "$(again deploy) creates the volumes of NATS"
  elif ((pending > 0)); then
    lacks "volumes of NATS: $pending claims have none" \
      'wait until the pods are scheduled, or see the message of: kubectl -n '"$namespace"' describe persistentvolumeclaims'
  elif [[ -n $class ]]; then
    ok "the StorageClass $class creates the volumes of NATS"
  elif [[ -n $free ]]; then
    note "there is no default StorageClass; NATS can use the PersistentVolumes $free if their size and class match"
  else
    lacks 'a default StorageClass, which creates the volumes of NATS' \
      'set nats.jetstream.storage.storageClassName to one of: kubectl get storageclasses'
  fi
}

echo '== this machine'
program cargo 'builds the programs' 'https://rustup.rs (1.95 or later)'
program cc 'links them' 'apt-get install gcc'
program python3 'builds images' 'apt-get install python3'
program git 'tags images' 'apt-get install git'
program curl "calls $api" 'apt-get install curl'
program openssl 'creates tokens' 'apt-get install openssl'
find_cluster
program kubectl 'talks to the cluster' 'https://kubernetes.io/docs/tasks/tools, or scripts/cluster.sh env'
if version=$(command helm version --template '{{ .Version }}' 2>/dev/null); then
  ok "helm $version"
elif compgen -G "${XDG_CACHE_HOME:-$HOME/.cache}/tradeops/cluster/helm-*/helm" >/dev/null; then
  ok 'helm, built by scripts/tools.sh'
elif command -v go >/dev/null; then
  note 'scripts/tools.sh builds helm at its first use, which takes two minutes'
else
  lacks helm 'https://helm.sh/docs/intro/install (3.14 or later), or Go 1.26 to build it'
fi
program node 'runs the receiving Worker for tests' 'Node.js 20 or later'
if command -v docker >/dev/null && command -v kind >/dev/null; then ok 'docker and kind: just kind-up'; else note 'docker or kind is missing: just cluster-up creates a cluster without them'; fi

echo '== images, for clusters that images are loaded into'
images=${IMAGES:-$root/target/images}
for name in "${images_of_chart[@]}"; do
  if is_image "$name"; then ok "$name:$(image_tag "$name")"; else lacks "$name:$(image_tag "$name")" 'just images'; fi
done

echo '== the cluster'
if ! command -v kubectl >/dev/null || ! version=$(kubectl get --raw /version --request-timeout=10s 2>/dev/null); then
  lacks "a cluster that responds (KUBECONFIG is ${KUBECONFIG:-not set})" 'just cluster-up as root, just kind-up with Docker, or set KUBECONFIG'
  echo "$missing missing"
  exit 1
fi
minor=$(python3 -c 'import json, re, sys; print(re.match("[0-9]+", json.load(sys.stdin)["minor"]).group())' <<<"$version")
read -r oldest reason < <(sed -nE 's/^# 1\.([0-9]+) (has .*)\.$/\1 \2/p' "$chart/Chart.yaml")
if ((minor >= oldest)); then
  ok "Kubernetes 1.$minor at $(kubectl config view --minify --output 'jsonpath={.clusters[0].cluster.server}')"
else
  lacks "Kubernetes 1.$oldest or later, which $reason; this is 1.$minor" 'upgrade the cluster'
fi
if [[ $(kubectl get nodes --output 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}') == *True* ]]; then ok 'a node is ready'; else lacks 'a node that is ready' 'kubectl describe nodes; with scripts/cluster.sh, run up as root without --control-plane'; fi
to_create=(deployments.apps networkpolicies.networking.k8s.io)
case $chart_name in
  tradeops) to_create+=(roles.rbac.authorization.k8s.io) ;;
  aegis-trader) to_create+=(statefulsets.apps poddisruptionbudgets.policy jobs.batch secrets) ;;
esac
# The chart aegis-trader looks for volumes of an earlier release.
to_get=(secrets) && [[ $chart_name == tradeops ]] || to_get+=(persistentvolumeclaims statefulsets.apps)
for what in "${to_create[@]/#/create }" "${to_get[@]/#/get }"; do
  # shellcheck disable=SC2086 # verb and kind
  if kube auth can-i $what >/dev/null 2>&1; then ok "you may $what in $namespace"; else lacks "you may $what in $namespace" "ask the administrators of the cluster for the permission"; fi
done
if [[ $chart_name == tradeops ]]; then
  if kubectl auth can-i create validatingadmissionpolicies.admissionregistration.k8s.io >/dev/null 2>&1; then
    ok 'you may create admission policies'
  else
    lacks 'you may create admission policies' 'ask for the permission, or deploy with --set triggerApi.admissionPolicies.enabled=false'
  fi
fi
note 'NetworkPolicies need a network plugin that enforces them, which this script cannot check'

echo "== the release $release in $namespace"
manifests=$(helm template "$release" "$chart" --values "$(values_file)" --set-string image.tag="$(image_tag)")
kinds=$'\n'$(list kinds <<<"$manifests")$'\n'
for kind in servicemonitors.monitoring.coreos.com:ServiceMonitor externalsecrets.external-secrets.io:ExternalSecret; do
  [[ $kinds == *$'\n'"${kind#*:}"$'\n'* ]] || continue
  if kubectl get crd "${kind%:*}" >/dev/null 2>&1; then ok "the kind ${kind#*:}"; else lacks "the kind ${kind#*:}" 'install its operator, or disable it in the values'; fi
done
if kubectl get namespace "$namespace" >/dev/null 2>&1; then ok "the namespace $namespace"; else note "$(again deploy) creates the namespace $namespace"; fi
if [[ $chart_name == aegis-trader ]]; then check_volumes; fi
while read -r secret key; do
  if [[ -z $(missing_secrets <<<"$secret $key") ]]; then
    ok "the key $key of the Secret $secret"
  elif [[ $environment == dev ]]; then
    note "$(again deploy) creates the key $key of the Secret $secret"
  else
    lacks "the key $key of the Secret $secret" "kubectl -n $namespace create secret generic $secret --from-file=$key"
  fi
done < <(list secrets <<<"$manifests")
if helm status "$release" >/dev/null 2>&1; then
  problems=$(problems)
  if [[ -n $problems ]]; then
    lacks 'a release whose pods are all ready' 'each problem has the next step'
    printf '%s\n' "$problems"
  else
    ok 'all pods are ready'
  fi
  if [[ $chart_name == tradeops ]]; then
    unprotected=$(admission_problems)
    if [[ -z $(protected_targets) ]]; then
      note 'the release has no admission policies: with trigger-api'"'"'s token, any Job of the namespace can be created'
    elif [[ -z $unprotected ]]; then
      ok 'the admission policy denies Jobs that differ from those of the targets'
    else
      lacks 'an admission policy that protects the targets' 'install it with the release; if it is installed, restart the API server'
      printf '%s\n' "$unprotected"
    fi
  fi
else
  note "the release is not deployed: $(again deploy)"
fi
echo "$missing missing"
((missing == 0))
