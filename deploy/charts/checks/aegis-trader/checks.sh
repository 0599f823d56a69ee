# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/check-charts.sh sources this, uses the variables and sets others
# The chart aegis-trader: see deploy/charts/checks/README.md.

# shellcheck source=deploy/charts/checks/aegis-trader/nats.sh
source "$inputs/nats.sh"

release=aegis-trader
# The section with the settings of the HTTP service, and its port.
listen_section=monitorApi listen_port=8100
# The rendered manifests, and their namespaces.
manifests=([dev]=deploy/manifests/aegis-trader/dev [prod]=deploy/manifests/aegis-trader/prod)
namespaces=([dev]=aegis-trader [prod]=aegis-trader)
# The variants to render: a name, and the options of helm.
variants=(
  [defaults]=''
  [dev]="--values $chart/values-dev.yaml"
  [prod]="--values $chart/values-prod.yaml"
  [everything]="--values $chart/values-prod.yaml --values $inputs/values-everything.yaml"
  [credentials as a file]='--set nats.clients.existingSecret=clients --set nats.clients.method=creds --set nats.replicas=5'
  [Kubernetes 1.27]="--values $chart/values-prod.yaml --kube-version 1.27.3"
  [NATS alone]='--set monitorApi.enabled=false --set natsBox.enabled=false --set postInstall.createKvBucket.enabled=false --set networkPolicies.enabled=false'
)
ignored_scores=(
  # The volumes of existing releases belong to user 1000, so NATS and its tools run as this user.
  --ignore-test container-security-context-user-group-id
  # monitor-api has one replica, as in the release that it replaces.
  --ignore-test deployment-replicas
)
# The objects that who-may-call.txt is about.
policies() { rendered everything; }

# ---- Releases. Without a node, no pod runs, so Helm's hooks would never end.

# ends_jobs NAMESPACE COMMAND...: runs the command, and sets the pods of Jobs to Succeeded meanwhile.
ends_jobs() {
  local namespace=$1 pid pod
  shift
  "$@" &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    for pod in $(kubectl --namespace "$namespace" get pods --selector job-name --field-selector status.phase=Pending -o name); do
      kubectl --namespace "$namespace" patch "$pod" --subresource status --patch '{"status": {"phase": "Succeeded"}}'
    done
    sleep 0.3
  done
  wait $pid
}
# install NAMESPACE [OPTION...]
install() {
  # The options of scripts/release.sh.
  ends_jobs "$1" helm upgrade --install aegis-trader "$chart" --namespace "$1" --values "$chart/values-prod.yaml" \
    --set-string "image.tag=$tag" --server-side=true --force-conflicts "${@:2}"
}
names_of() { kubectl --namespace "$1" get "$2" -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}' | sort; }
claims() { printf 'aegis-trader-nats-js-aegis-trader-nats-%s\n' 0 1 2; }
pods_of_component_are_created() {
  [[ $(kubectl --namespace "$1" get pods --selector "app.kubernetes.io/component=$2" -o name | wc -l) == "$3" ]]
}

# The namespace admits only restricted pods.
release_works() {
  eventually 20 pods_of_component_are_created "$1" nats 3
  eventually 20 pods_of_component_are_created "$1" nats-box 1
  local service
  for service in monitor-api:1 monitor-ui:1 order-router:3 risk:2; do
    eventually 20 pods_are_created "$1" "${service%:*}" "${service#*:}"
  done
  diff <(claims) <(names_of "$1" persistentvolumeclaims)
  kubectl --namespace "$1" wait job/aegis-trader-create-kv-bucket --for=condition=Complete --timeout=20s
  # No pod has a token.
  [[ $(kubectl --namespace "$1" get pods -o yaml) != *serviceAccountToken* ]]
}
only_claims_stay() {
  helm uninstall aegis-trader --namespace "$1"
  # The Job is a hook, so Helm keeps it; `just undeploy` deletes it.
  kubectl --namespace "$1" delete job aegis-trader-create-kv-bucket
  eventually 60 only_claims_are_new "$2"
}
only_claims_are_new() { diff <(claims) <(comm -13 "$1" <(objects) | sed -n 's/^PersistentVolumeClaim [^ ]* //p') && ! comm -13 "$1" <(objects) | grep -v ^PersistentVolumeClaim; }

# ---- The upgrade from the chart that this one replaces, in $upgraded

upgraded=replaced
# Name, uid and immutable address of the objects that must stay.
identities() {
  kubectl --namespace "$upgraded" get "statefulsets,deployments,services,persistentvolumeclaims,poddisruptionbudgets" \
    -o 'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.spec.clusterIP}{"\n"}{end}' | sort
}
# Most releases were installed by Helm 3, which applies objects on the client's side.
install_replaced() {
  ends_jobs "$upgraded" helm install aegis-trader "$inputs/replaced-chart" --namespace "$upgraded" --server-side="$1"
  eventually 20 pods_of_component_are_created "$upgraded" nats 3
  diff <(claims) <(names_of "$upgraded" persistentvolumeclaims)
  identities >"$work/identities"
  names_of "$upgraded" configmaps,secrets | grep -v '^sh.helm\|kube-root-ca' >"$work/configuration"
}
objects_stay() { diff /dev/null <(comm -23 "$work/identities" <(identities)); }
upgrade_replaced() { install "$upgraded" --set monitorUi.enabled=true --set monitorUi.image=aegistrader-monitor-ui:20250803-151359 "$@"; }
upgrade_keeps_everything() {
  upgrade_replaced "$@"
  objects_stay
  # The objects of the old release exist, too: other programs may name them.
  diff /dev/null <(comm -23 "$work/configuration" <(names_of "$upgraded" configmaps,secrets))
  # The controller replaces the pods with those of this chart, on the same volumes.
  eventually 30 new_server_has_its_volume
}
# Nothing of the replaced objects stays in those of this chart.
upgrade_equals_install() {
  local other=new
  namespace $other
  install $other --set monitorUi.enabled=true --set monitorUi.image=aegistrader-monitor-ui:20250803-151359 \
    --set nats.jetstream.storage.storageClassName=standard
  diff <(applied "$upgraded") <(applied $other)
  kubectl delete namespace $other
}
# The objects of a release, without what the server sets.
applied() {
  kubectl --namespace "$1" get configmaps,deployments,networkpolicies,poddisruptionbudgets,secrets,serviceaccounts,services,statefulsets \
    --selector app.kubernetes.io/instance=aegis-trader -o json | "$checks/applied.py"
}
new_server_has_its_volume() {
  [[ $(kubectl --namespace "$upgraded" get pod aegis-trader-nats-2 \
    -o 'jsonpath={.spec.containers[0].image} {.spec.volumes[?(@.name=="aegis-trader-nats-js")].persistentVolumeClaim.claimName}') == \
    "gcr.io/united-lane-361102/nats:$(scripts/images.sh --tag nats) aegis-trader-nats-js-aegis-trader-nats-2" ]]
}
refuses_other_volumes() {
  refused 'nats.jetstream.storage.size is 20Gi, but the volumes of the StatefulSet aegis-trader-nats have 10Gi' upgrade_replaced --set nats.jetstream.storage.size=20Gi
  refused "nats.jetstream.storage.storageClassName is fast" upgrade_replaced --set nats.jetstream.storage.storageClassName=fast
  refused 'nats.replicas is 1, but the StatefulSet aegis-trader-nats has 3: NATS would lose streams' upgrade_replaced --set nats.replicas=1
}
# A server that joins a cluster deletes its own streams.
one_server_stays_alone() {
  namespace alone
  install alone --values "$chart/values-dev.yaml"
  refused 'nats.replicas is 3, but the StatefulSet aegis-trader-nats has 1: NATS would lose streams' \
    install alone --values "$chart/values-dev.yaml" --set nats.replicas=3
  install alone --values "$chart/values-dev.yaml" --set nats.kvStore.ttlSeconds=60
  kubectl delete namespace alone
}
returns_to_replaced() {
  ends_jobs "$upgraded" helm rollback aegis-trader 1 --namespace "$upgraded" --server-side=true --force-conflicts
  objects_stay
}

releases() {
  local way
  for one in restricted "$upgraded"; do namespace "$one" >/dev/null; done
  # The pods of the replaced chart do not meet the standard.
  kubectl label namespace $upgraded pod-security.kubernetes.io/{enforce,warn}- >/dev/null
  eventually 20 kubectl --namespace $upgraded get configmap kube-root-ca.crt
  eventually 20 kubectl --namespace restricted get configmap kube-root-ca.crt
  objects >"$work/before"
  check 'helm install, in a namespace for restricted pods only' install restricted --values "$inputs/values-everything.yaml"
  check 'the release works' release_works restricted
  check 'nats-server runs with its configuration: users, TLS for clients and routes, changed users' nats_runs_with_users_and_tls
  check 'helm upgrade' install restricted --values "$inputs/values-everything.yaml" --set nats.kvStore.ttlSeconds=60 --set nats.replicas=5
  check 'helm rollback' ends_jobs restricted helm rollback aegis-trader 1 --namespace restricted
  check 'one server does not become a cluster' one_server_stays_alone
  objects >"$work/after"
  for way in false true; do
    check "a release of the replaced chart, server-side=$way" install_replaced $way
    check 'helm upgrade keeps its objects, addresses and volumes' upgrade_keeps_everything
    check 'the upgraded objects equal those of a new release' upgrade_equals_install
    check 'an upgrade that would change an immutable field is refused, with the reason' refuses_other_volumes
    check 'helm rollback to the replaced chart' returns_to_replaced
    check 'helm upgrade again' upgrade_keeps_everything --set monitorApi.replicas=2
    check 'helm uninstall keeps only the volumes' only_claims_stay $upgraded "$work/after"
    check 'a later install uses the same volumes' install_again
    kubectl --namespace $upgraded delete persistentvolumeclaims --all >/dev/null
  done
}
install_again() {
  local before
  before=$(kubectl --namespace "$upgraded" get persistentvolumeclaims -o 'jsonpath={.items[*].metadata.uid}')
  refused 'nats.replicas is 1, but the claims aegis-trader-nats-js-aegis-trader-nats-N are those of 3: NATS would lose streams' \
    install "$upgraded" --values "$chart/values-dev.yaml"
  install "$upgraded"
  eventually 20 pods_of_component_are_created "$upgraded" nats 3
  [[ $(kubectl --namespace "$upgraded" get persistentvolumeclaims -o 'jsonpath={.items[*].metadata.uid}') == "$before" ]]
  only_claims_stay "$upgraded" "$work/after"
}
