# shellcheck shell=bash
# Sourced by scripts/cluster.sh: the node, which runs containers. It needs root, and a machine can have only one.

readonly node_components=(containerd kubelet kube-proxy)
# The node has its own address on its own link: the kubelet rejects a loopback address, and the machine's addresses may change.
readonly node_link=tradeops-node node_address=10.250.0.1
readonly pod_link=tradeops-pods pod_range=10.244.0.0/24
readonly cni_plugins=/usr/lib/cni
# Folders that the kubelet, containerd and CNI use whatever their configuration is.
readonly fixed_folders=(/run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers)
# Kernel settings that the kubelet, kube-proxy and CNI change and do not restore.
readonly kernel_settings=(net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables vm/overcommit_memory vm/panic_on_oom
  kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes)

check_node_is_possible() {
  if ((EUID != 0)); then
    give_up 'a node needs root: run this as root, or run "scripts/cluster.sh up --control-plane" as this user'
  fi
  local owner
  owner=$(node_owner)
  if [[ -n $owner && $owner != "$state" ]]; then
    echo "this machine already has a node, and it can have only one. To delete it:" >&2
    echo "  TRADEOPS_CLUSTER_DIR=$owner scripts/cluster.sh down" >&2
    exit 1
  fi
  if [[ -z $owner ]] && command -v iptables-save >/dev/null && iptables-save 2>/dev/null | grep KUBE- >/dev/null; then
    give_up 'this machine has iptables rules of another Kubernetes node, and two nodes would change each other'"'"'s rules'
  fi
}

# The alias of the link is the state folder of the node's cluster.
node_owner() { cat "/sys/class/net/$node_link/ifalias" 2>/dev/null || true; }

# After a crash the link may be missing. If its alias is another folder, `up` was rejected, and the node is another cluster's.
node_is_ours() {
  local owner
  ((EUID == 0)) || return
  owner=$(node_owner)
  [[ $owner == "$state" || (-z $owner && $(cat "$state/kind" 2>/dev/null) == node) ]]
}

create_node_link() {
  ip link add "$node_link" type bridge
  ip link set "$node_link" alias "$state" up
  ip address add "$node_address/32" dev "$node_link"
}

start_node() {
  render config/containerd.toml "$state/containerd.toml"
  render config/kubelet.yaml "$state/kubelet.yaml"
  mkdir -p "$state/cni"
  render config/cni.conflist "$state/cni/tradeops.conflist"
  write_resolv_conf
  prepare_kernel
  step containerd start_containerd
  step images load_own_images
  step kubelet start_kubelet
  step kube-proxy start_proxy
  step coredns start_dns
}

# CoreDNS forwards names outside of the cluster to these resolvers. A pod can't reach a resolver on the machine's loopback.
write_resolv_conf() {
  local from=/etc/resolv.conf
  if [[ -e /run/systemd/resolve/resolv.conf ]]; then
    from=/run/systemd/resolve/resolv.conf
  fi
  grep -E '^nameserver ' "$from" | grep -vE ' (127\.|::1)' >"$state/resolv.conf" || true
  # Nothing listens at this address, so queries fail immediately.
  [[ -s $state/resolv.conf ]] || echo "nameserver $node_address" >"$state/resolv.conf"
}

prepare_kernel() {
  local setting folder
  modprobe -a overlay br_netfilter 2>/dev/null || true
  for setting in "${kernel_settings[@]}"; do
    if [[ -e /proc/sys/$setting ]]; then
      echo "$setting $(cat "/proc/sys/$setting")" >>"$state/kernel-settings"
    fi
  done
  echo 1 >/proc/sys/net/ipv4/ip_forward
  # Otherwise the response of a Service whose pod is on the same bridge keeps the pod's address, and the client drops it.
  if [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]]; then
    echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  fi
  # Packets from pods to the outside get the machine's address.
  iptables -w -t nat -A POSTROUTING "${masquerade[@]}"
  for folder in $(cgroup_parents); do
    mkdir -p "$folder/tradeops-cluster"
  done
}

readonly masquerade=(-s "$pod_range" ! -d "$pod_range" ! -o "$node_link" -m comment --comment tradeops-cluster -j MASQUERADE)

# Prints the root of cgroup version 2, or the roots of version 1's controllers.
cgroup_parents() {
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo /sys/fs/cgroup
  else
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d ! -name unified
  fi
}

# containerd and the kubelet share a mount namespace. Their mounts are not visible outside of it, and disappear with the last of
# their processes, however it ends. The folders that can't be configured are empty in it, even if other container runtimes on this
# machine use them.
start_containerd() {
  local folder
  for folder in "${fixed_folders[@]}"; do
    if [[ ! -d $folder ]]; then
      mkdir -p "$folder"
      echo "$folder" >>"$state/made-folders"
    fi
  done
  # shellcheck disable=SC2016
  start containerd unshare --mount --propagation slave bash -c '
    mount --make-rshared / 2>/dev/null
    for folder in "${@:2}"; do mount -t tmpfs -o mode=711 tradeops "$folder" || exit; done
    exec containerd --config "$1"' bash "$state/containerd.toml" "${fixed_folders[@]}"
  wait_for containerd 30 healthy_containerd
}

containers() { ctr --address "$state/containerd.sock" --namespace k8s.io "$@"; }

load_own_images() {
  local name
  for name in pause busybox coredns; do
    containers images import "${program[$name-image]}" >/dev/null
    # Names that no registry can have, so they can't be mistaken for public images.
    containers images tag --force "docker.io/library/$name:1" "localhost/$name:1" >/dev/null
    containers images remove "docker.io/library/$name:1" >/dev/null
  done
}

load_images() {
  if ! node_is_ours; then
    echo "the cluster in $state has no node to load images into: run scripts/cluster.sh up as root" >&2
    exit 1
  fi
  local image
  for image in "$@"; do
    containers images import "$image"
  done
}

start_kubelet() {
  start kubelet nsenter --mount="/proc/$(pid_of containerd)/ns/mnt" "${program[kubelet]}" \
    --config "$state/kubelet.yaml" --kubeconfig "$state/keys/kubelet.kubeconfig" \
    --root-dir "$state/kubelet" --hostname-override node1 --node-ip "$node_address"
  wait_for kubelet 60 node_ready
}

start_proxy() {
  echo "${program[kube-proxy]}" >"$state/kube-proxy"
  # Zero does not change the kernel's connection tracking.
  start kube-proxy "${program[kube-proxy]}" --kubeconfig "$state/keys/proxy.kubeconfig" --hostname-override node1 \
    --proxy-mode iptables --iptables-min-sync-period 100ms --iptables-localhost-nodeports=false \
    --cluster-cidr "$pod_range" \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0s --conntrack-tcp-timeout-close-wait 0s \
    --healthz-bind-address "$node_address:10256" --metrics-bind-address "$node_address:10249"
  wait_for kube-proxy 30 healthy_kube-proxy
}

start_dns() {
  render manifests/coredns.yaml "$state/coredns.yaml"
  kubectl apply -f "$state/coredns.yaml" >/dev/null
  wait_for kubelet 90 dns_available
}

condition() { [[ $(kubectl get "$@" -o jsonpath="{.status.conditions[?(@.type==\"$condition\")].status}") == True ]]; }
node_ready() { condition=Ready condition node/node1; }
dns_available() { condition=Available condition --namespace kube-system deployment/coredns; }
healthy_containerd() { timeout 5 ctr --address "$state/containerd.sock" version >/dev/null; }
healthy_kubelet() { responds http://127.0.0.1:10248/healthz ok; }
healthy_kube-proxy() { responds "http://$node_address:10256/livez" ''; }

node_status() {
  local unhealthy=0
  if node_ready; then echo 'node node1: Ready'; else echo 'node node1: not ready'; unhealthy=1; fi
  if dns_available; then echo 'cluster DNS: available'; else echo 'cluster DNS: not available'; unhealthy=1; fi
  return "$unhealthy"
}

# Kills the processes of all pods, which the cgroups list: neither the kubelet nor containerd needs to be alive.
kill_containers() {
  stop kube-proxy
  stop kubelet
  local processes
  mapfile -t processes < <(cgroups -name cgroup.procs -exec cat {} + | sort -u)
  ((${#processes[@]} == 0)) || kill -KILL "${processes[@]}" 2>/dev/null || true
  terminate "${processes[@]}"
}

# With version 1, runc leaves a folder in the hierarchy of version 2 too.
cgroups() {
  local folder
  for folder in $(cgroup_parents) /sys/fs/cgroup/unified; do
    [[ ! -d $folder/tradeops-cluster ]] || find "$folder/tradeops-cluster" -depth "$@"
  done
}

# Deletes what remains after all processes have ended.
delete_node() {
  local setting value folder link proxy tables chain
  # A cgroup is busy until the kernel has removed its last process.
  local deadline=$((SECONDS + 10))
  until [[ -z $(cgroups -type d -print -quit) ]] || ((SECONDS >= deadline)); do
    cgroups -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
  done
  proxy=$(cat "$state/kube-proxy" 2>/dev/null || find "$cache" -path '*/kubernetes-*/kube-proxy' -print -quit)
  "$proxy" --cleanup >/dev/null 2>&1 || echo 'kube-proxy --cleanup failed: iptables rules may remain' >&2
  while iptables -w -t nat -D POSTROUTING "${masquerade[@]}" 2>/dev/null; do :; done
  # kube-proxy creates this chain too, but --cleanup does not delete it.
  for tables in iptables ip6tables; do
    for chain in INPUT OUTPUT; do
      "$tables" -w -D "$chain" -j KUBE-FIREWALL 2>/dev/null || true
    done
    { "$tables" -w -F KUBE-FIREWALL && "$tables" -w -X KUBE-FIREWALL; } 2>/dev/null || true
  done
  for link in "$pod_link" "$node_link"; do
    ip link delete "$link" 2>/dev/null || true
  done
  if [[ -e $state/kernel-settings ]]; then
    while read -r setting value; do
      echo "$value" >"/proc/sys/$setting"
    done <"$state/kernel-settings"
  fi
  if [[ -e $state/made-folders ]]; then
    while read -r folder; do
      rmdir "$folder" 2>/dev/null || true
    done <"$state/made-folders"
  fi
}
