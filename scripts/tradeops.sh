#!/usr/bin/env bash
# Runs the program `tradeops` of this checkout on the release that the variables select: scripts/tradeops.sh ARGUMENT...
#
# ENV, NAMESPACE, RELEASE, CHART and KUBECONFIG are those of scripts/release.sh. TRADEOPS is the program to run; by default it is built.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root environment=${ENV:-dev} release=${RELEASE:-${CHART:-tradeops}}

# Of other releases, the program finds the namespace.
case ${CHART:-$release}/$environment in
  aegis-trader/*) namespace=aegis-trader ;;
  tradeops/prod) namespace=trading ;;
  tradeops/*) namespace=trading-$environment ;;
  *) namespace= ;;
esac
export TRADEOPS_RELEASE=$release TRADEOPS_NAMESPACE=${NAMESPACE:-$namespace}

# How messages write commands.
words=(just)
[[ $environment == dev ]] || words+=("ENV=$environment")
for name in NAMESPACE RELEASE CHART; do [[ -z ${!name:-} ]] || words+=("$name=${!name}"); done
export TRADEOPS_COMMAND=${words[*]}

# Without another cluster, that of scripts/cluster.sh.
cluster=$(realpath -m "${TRADEOPS_CLUSTER_DIR:-/tmp/tradeops-cluster-$EUID}")/kubeconfig
if [[ -z ${KUBECONFIG:-} && ! -e ~/.kube/config && -r $cluster ]]; then export KUBECONFIG=$cluster; fi

if [[ -z ${TRADEOPS:-} ]]; then
  TRADEOPS=${CARGO_TARGET_DIR:-$root/target}/debug/tradeops
  [[ -e $TRADEOPS ]] || echo 'building tradeops for the first time, which takes some minutes' >&2
  # With the features of the whole workspace, whose dependencies the tests have built.
  cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --workspace --exclude demo --bin tradeops
fi
exec "$TRADEOPS" "$@"
