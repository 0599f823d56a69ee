#!/usr/bin/env bash
# Creates or deletes a cluster in Docker: scripts/kind.sh up | down. KIND_NAME is its name (default tradeops).
# Without Docker, use scripts/cluster.sh.
set -euo pipefail
readonly name=${KIND_NAME:-tradeops}

for program in docker kind kubectl; do
  command -v "$program" >/dev/null || {
    echo "a cluster in Docker needs $program; without Docker: just cluster-up (root)" >&2
    exit 2
  }
done
case ${1-} in
  up)
    # Two nodes, so that replicas run on different ones.
    kind get clusters | grep -x "$name" >/dev/null || kind create cluster --name "$name" --wait 2m --config - <<'END'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes: [{role: control-plane}, {role: worker}]
END
    kubectl config use-context "kind-$name"
    echo 'Next: just deploy'
    ;;
  down) kind delete cluster --name "$name" ;;
  *)
    echo 'usage: scripts/kind.sh up | down' >&2
    exit 2
    ;;
esac
