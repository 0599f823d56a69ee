#!/usr/bin/env bash
# Renders deploy/manifests/{dev,prod} from the charts, to deploy without Helm: kubectl apply -k deploy/manifests/prod
#
#   scripts/render-manifests.sh            writes the manifests
#   scripts/render-manifests.sh --check    writes nothing; prints a diff and exits with 1 if the committed manifests differ
#
# TAG   the images' tag (default: the chart's appVersion). Committed manifests can't contain their own commit.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly chart=deploy/charts/tradeops
readonly -A namespaces=([dev]=trading-dev [prod]=trading)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$(scripts/tools.sh helm):$PATH
scripts/chart-dependencies.sh
# A dry run as JSON has the chart's metadata.
tag=${TAG:-$(helm install tradeops $chart --dry-run=client --set-string image.tag=none --output json |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["chart"]["metadata"]["appVersion"])')}

# render ENVIRONMENT FOLDER: writes a file for each folder of templates.
render() {
  local environment=$1 to=$2 namespace=${namespaces[$1]} component file
  helm template tradeops $chart --kube-version 1.36.0 --namespace "$namespace" --values "$chart/values-$environment.yaml" \
    --set-string "image.tag=$tag" --output-dir "$work/$environment" >/dev/null 2>"$work/errors" ||
    { cat "$work/errors" >&2 && exit 1; }
  mkdir -p "$to"
  for component in "$work/$environment"/tradeops/templates/*/; do
    file=$(basename "$component").yaml
    {
      echo '# Generated from deploy/charts by scripts/render-manifests.sh. Change the chart, then run it again.'
      # Without Helm's labels: kubectl applies these objects, not Helm.
      cat "$component"*.yaml | sed -e '/^# Source: /d' -e '/app.kubernetes.io\/managed-by: Helm$/d' -e '/helm.sh\/chart: /d'
    } | one_separator >"$to/$file"
  done
  {
    cat <<END
# Generated from deploy/charts by scripts/render-manifests.sh.
#
#   kubectl apply -k deploy/manifests/$environment
#
# Render again for another namespace, because cluster-wide names contain it. docs/DEPLOY.md has the images' tags.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $namespace
resources:
END
    for file in "$to"/*.yaml; do
      [[ $file == */kustomization.yaml ]] || echo "  - $(basename "$file")"
    done
  } >"$work/kustomization.yaml"
  mv "$work/kustomization.yaml" "$to/kustomization.yaml"
}

# Writes one `---` between two objects, and no empty lines.
one_separator() {
  sed '/^$/d' | awk '/^---$/ { pending = written; next } pending { print "---"; pending = 0 } { print; if (!/^#/) written = 1 }'
}

case ${1-} in
  '' | --check) ;;
  *)
    sed -n '2,/^set /{s/^# \{0,1\}//;/^set /!p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
drift=0
for environment in dev prod; do
  render "$environment" "$work/fresh/$environment"
  if [[ ${1-} == --check ]]; then
    diff --unified --recursive --new-file "deploy/manifests/$environment" "$work/fresh/$environment" || drift=1
  else
    rm -rf "deploy/manifests/$environment"
    cp -r "$work/fresh/$environment" deploy/manifests/
  fi
done
((drift == 0)) || { echo 'deploy/manifests differs from the charts: run scripts/render-manifests.sh' >&2 && exit 1; }
