# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # scripts/check-charts.sh sources this, uses the variables and sets others
# The chart tradeops: see deploy/charts/checks/README.md.

release=tradeops
# The section with the settings of the HTTP service, and its port.
listen_section=triggerApi listen_port=8000
# The rendered manifests, and their namespaces.
manifests=([dev]=deploy/manifests/dev [prod]=deploy/manifests/prod)
namespaces=([dev]=trading-dev [prod]=trading)
# The variants to render: a name, and the options of helm.
variants=(
  [defaults]=''
  [dev]="--values $chart/values-dev.yaml"
  [prod]="--values $chart/values-prod.yaml"
  [prod, New York]="--values $chart/values-prod.yaml --values $chart/values-new-york.yaml"
  [everything]="--values $chart/values-prod.yaml --values $inputs/values-everything.yaml"
  [history on a volume]='--set triggerApi.history.store=persistentVolumeClaim --set triggerApi.history.persistentVolumeClaim.storageClassName=fast'
  [trigger-api alone]='--set tradesSync.enabled=false --set portfolioTrigger.enabled=false --set networkPolicies.enabled=false --set triggerApi.auth.internalToken.existingSecret= --set triggerApi.auth.adminSecret.existingSecret= --set triggerApi.sourceDatabase.existingSecret='
  [trades-sync alone]='--set triggerApi.enabled=false --set portfolioTrigger.enabled=false'
)
# The objects that who-may-call.txt is about.
policies() { kubectl kustomize deploy/manifests/prod; }

install() { helm upgrade --install tradeops "$chart" --namespace "$1" --values "$chart/values-prod.yaml" --set-string "image.tag=$tag" "${@:2}"; }
as_trigger_api() { kubectl --namespace "$1" --as "system:serviceaccount:$1:trigger-api-sa" "${@:2}"; }

# The admission policies accept only Jobs that equal their CronJob's template except for parameters, and Pod Security accepts the pods of schedules.
release_works() {
  local namespace=$1
  eventually 20 pods_are_created "$namespace" trigger-api 2
  # The server applies new policies after a delay.
  eventually 20 refused 'trigger-api may create and delete only Jobs of its targets' \
    as_trigger_api "$namespace" create job evil --image=evil --dry-run=server
  eventually 10 as_trigger_api "$namespace" create job trades-sync-midday-a123456789 --from=cronjob/trades-sync-midday
  eventually 20 pods_are_created "$namespace" trades-sync 1
  as_trigger_api "$namespace" create job trades-sync-midday-b123456789 --from=cronjob/trades-sync-midday --dry-run=client -o json |
    sed 's/"image": "[^"]*"/"image": "evil"/' >"$work/evil.json"
  eventually 20 refused "the Job's pods are not those of the CronJob's template" \
    as_trigger_api "$namespace" create --dry-run=server -f "$work/evil.json"
  as_trigger_api "$namespace" create job trades-sync-midday-c123456789 --from=cronjob/trades-sync-midday --dry-run=client -o json |
    sed 's/"name": "SYNC_DATE"/&, "value": "2026-02-10"/' >"$work/day.json"
  grep -q '2026-02-10' "$work/day.json"
  as_trigger_api "$namespace" create --dry-run=server -f "$work/day.json"
  as_trigger_api "$namespace" delete job trades-sync-midday-a123456789
  refused 'forbidden' as_trigger_api "$namespace" get secrets
  kubectl --namespace "$namespace" create job by-hand --from=cronjob/portfolio-analysis-trigger
  eventually 20 pods_are_created "$namespace" portfolio-analysis-trigger 1
  [[ $(kubectl --namespace "$namespace" get pods --selector component=trigger -o name | wc -l) == 1 ]]
  # Only trigger-api's pods have a token.
  [[ $(kubectl --namespace "$namespace" get pods --selector 'app.kubernetes.io/name!=trigger-api' -o yaml) != *serviceAccountToken* ]]
  kubectl --namespace "$namespace" delete job by-hand
  refused 'forbidden' as_trigger_api "$namespace" --namespace default create job evil --image=evil
}

deployment() { kubectl --namespace one get deployment trigger-api -o 'jsonpath={.spec.replicas} {.spec.template}'; }
upgraded() {
  deployment >"$work/deployment"
  install one --set triggerApi.replicas=3 --set portfolioTrigger.enabled=false --set-json 'triggerApi.targets=[{"cronjob":"kraken-trading-job"}]'
  [[ $(deployment) == '3 '* ]]
  refused 'not found' kubectl --namespace one get cronjob portfolio-analysis-trigger
  refused 'not found' kubectl get validatingadmissionpolicybinding trigger-api-runs-the-template-trades-sync-midday.one
}
rolled_back() {
  helm rollback tradeops 1 --namespace one
  diff "$work/deployment" <(deployment)
  kubectl --namespace one get cronjob portfolio-analysis-trigger
  kubectl get validatingadmissionpolicybinding trigger-api-runs-the-template-trades-sync-midday.one
}
gone() { helm uninstall tradeops --namespace "$1" && eventually 60 objects_are "$2"; }
kept_policies_stay() {
  install one --set triggerApi.admissionPolicies.keep=true
  helm uninstall tradeops --namespace one
  eventually 60 only_policies_are_new
  install one
  helm uninstall tradeops --namespace one
  eventually 60 objects_are "$work/before"
}
only_policies_are_new() {
  local new
  new=$(comm -13 "$work/before" <(objects))
  [[ -n $new ]] && ! grep -v '^ValidatingAdmissionPolicy' <<<"$new"
}

releases() {
  local one
  for one in one two; do namespace $one >/dev/null; done
  eventually 20 kubectl --namespace two get configmap kube-root-ca.crt
  objects >"$work/before"
  check 'helm install' install one
  check 'the release works' release_works one
  objects >"$work/one"
  check 'a second release in another namespace' install two
  check 'the second release works' release_works two
  check 'the second release leaves nothing behind, and does not affect the first one' gone two "$work/one"
  check 'helm upgrade' upgraded
  check 'helm rollback' rolled_back
  check 'helm uninstall leaves nothing behind' gone one "$work/before"
  check 'admissionPolicies.keep keeps the policies, and a later install adopts them' kept_policies_stay
}
