#!/usr/bin/env bash
# Packs deploy/charts/library into deploy/charts/CHART/charts, which git ignores, for each chart that depends on it. It needs no
# network, and does nothing while the packed library is up to date, so every script calls it before it uses a chart.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../deploy/charts"

# Scripts may run at the same time.
exec {lock}<.
flock "$lock"
for manifest in */Chart.yaml; do
  chart=${manifest%/*}
  grep -q 'repository: file://\.\./library$' "$manifest" || continue
  packed=$(find "$chart/charts" -name 'library-*.tgz' 2>/dev/null) || true
  if [[ -z $packed || -n $(find library "$manifest" -newer "$packed") ]]; then
    # --skip-refresh: otherwise Helm asks every repository of the user's configuration.
    helm dependency update --skip-refresh "$chart" >/dev/null
  fi
done
