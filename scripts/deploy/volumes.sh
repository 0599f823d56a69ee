# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and scripts/deploy.sh set the variables
# Sourced by scripts/deploy.sh: volumes on the node of scripts/cluster.sh.

volume_exists() { kubectl get persistentvolume "$1" >/dev/null 2>&1; }

# volume_is_orphaned VOLUME CLAIM: the claim that has used the volume was deleted. Such a volume is never bound again.
volume_is_orphaned() {
  local user existing
  user=$(kubectl get persistentvolume "$1" --output 'jsonpath={.spec.claimRef.uid}')
  existing=$(kube get persistentvolumeclaim "$2" --ignore-not-found --output 'jsonpath={.metadata.uid}')
  [[ -n $user && $user != "$existing" ]]
}

# The node of scripts/cluster.sh has no storage. Volumes for the servers of NATS are folders beside its kubeconfig, and are deleted
# with the cluster. A named storage class has its own.
provide_volumes() {
  local number name folder
  [[ $chart == */aegis-trader && $* != *storageClassName=* && $(cluster_kind) == own ]] || return 0
  [[ -z $(kubectl get storageclasses --output name) ]] || return 0
  for number in 0 1 2 3 4; do
    name=$release-nats-js-$release-nats-$number folder=$(dirname "$KUBECONFIG")/volumes/$namespace-$name
    if volume_exists "$namespace-$name"; then
      volume_is_orphaned "$namespace-$name" "$name" || continue
      # As its claim was deleted, so is its data.
      kubectl delete persistentvolume "$namespace-$name" >/dev/null
      rm -rf --one-file-system "$folder"
    fi
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
