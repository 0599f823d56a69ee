#!/usr/bin/env bash
# Renders deploy/manifests from the charts, to deploy without Helm: kubectl apply -k deploy/manifests/prod for tradeops, and
# kubectl apply -k deploy/manifests/aegis-trader/prod for aegis-trader.
#
#   scripts/render-manifests.sh            writes the manifests
#   scripts/render-manifests.sh --check    writes nothing; prints a diff and exits with 1 if the committed manifests differ
#
# TAG   the images' tag (default: the charts' appVersion). Committed manifests can't contain their own commit.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# chart, environment, namespace, folder
readonly renderings='tradeops dev trading-dev dev
tradeops prod trading prod
aegis-trader dev aegis-trader aegis-trader/dev
aegis-trader prod aegis-trader aegis-trader/prod'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$(scripts/tools.sh helm):$PATH
scripts/chart-dependencies.sh

# A dry run as JSON has the chart's metadata.
app_version() {
  helm install "$1" "deploy/charts/$1" --dry-run=client --set-string image.tag=none --output json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["chart"]["metadata"]["appVersion"])'
}

# render CHART ENVIRONMENT NAMESPACE FOLDER: writes a file for each folder of templates.
render() {
  local name=$1 environment=$2 namespace=$3 folder=$4 to=$work/fresh/$4 chart=deploy/charts/$1 component file
  helm template "$name" "$chart" --kube-version 1.36.0 --namespace "$namespace" --values "$chart/values-$environment.yaml" \
    --set-string "image.tag=${TAG:-$(app_version "$name")}" --output-dir "$work/$folder" >/dev/null 2>"$work/errors" ||
    { cat "$work/errors" >&2 && exit 1; }
  mkdir -p "$to"
  for component in "$work/$folder/$name"/templates/*/; do
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
#   kubectl apply -k deploy/manifests/$folder
#
$(advice "$name")
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

advice() {
  case $1 in
    tradeops) echo "# Render again for another namespace, because cluster-wide names contain it. docs/DEPLOY.md has the images' tags." ;;
    aegis-trader) echo '# Before you apply a change of the Job: kubectl -n aegis-trader delete job aegis-trader-create-kv-bucket. It deletes no data.' ;;
  esac
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
while read -r name environment namespace folder; do
  render "$name" "$environment" "$namespace" "$folder"
  if [[ ${1-} == --check ]]; then
    diff --unified --recursive --new-file "deploy/manifests/$folder" "$work/fresh/$folder" || drift=1
  else
    rm -rf "deploy/manifests/$folder"
    mkdir -p "$(dirname "deploy/manifests/$folder")"
    cp -r "$work/fresh/$folder" "deploy/manifests/$folder"
  fi
done <<<"$renderings"
((drift == 0)) || { echo 'deploy/manifests differs from the charts: run scripts/render-manifests.sh' >&2 && exit 1; }
