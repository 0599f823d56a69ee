# shellcheck shell=bash
# Sourced by scripts/cluster.sh: etcd, the API server and its controllers. Root is not needed.

readonly control_plane_components=(etcd kube-apiserver kube-controller-manager kube-scheduler)
readonly service_range=10.96.0.0/16 first_service_address=10.96.0.1 dns_address=10.96.0.10

start_control_plane() {
  local wanted=$1
  # Without a node, everything listens on loopback and on free ports, so several clusters can run at the same time. With a node, the
  # API server has the node's address, because pods must reach it.
  api_address=127.0.0.1
  # The API server does not advertise a loopback address. This one is reserved for documentation (RFC 5737).
  api_advertised=192.0.2.1
  free_ports
  if [[ $wanted == node ]]; then
    step node-link create_node_link
    api_address=$node_address api_advertised=$node_address
  fi
  api_url=https://$api_address:${port[kube-apiserver]}
  step keys create_keys
  step etcd start_etcd
  step kube-apiserver start_apiserver
  # Both need only the API server, so they start at the same time.
  start_controller_manager
  start_scheduler
  step kube-controller-manager wait_for_default_account
  step kube-scheduler wait_for kube-scheduler 60 healthy_kube-scheduler
}

# Sets port[NAME] to free ports below the kernel's range of ephemeral ports.
free_ports() {
  declare -gA port=()
  local name candidate taken=' '
  for name in etcd etcd-peer kube-apiserver kube-controller-manager kube-scheduler; do
    while :; do
      candidate=$((20000 + SRANDOM % 10000))
      [[ $taken != *" $candidate "* ]] || continue
      if ! (: <>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then break; fi
    done
    taken+="$candidate "
    port[$name]=$candidate
    echo "$candidate" >"$state/ports/$name"
  done
}

create_keys() (
  umask 077
  cd "$state/keys"
  local names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
  # certificate FILE SUBJECT USAGE [EXTENSION]
  certificate() {
    openssl req -new -key "$1.key" -subj "$2" | openssl x509 -req -days 3650 -CA ca.crt -CAkey ca.key -out "$1.crt" \
      -extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=%s\n%s\n' "$3" "${4-}") 2>/dev/null
  }
  openssl genrsa -out service-accounts.key 2048 2>/dev/null
  openssl rsa -in service-accounts.key -pubout -out service-accounts.pub 2>/dev/null
  new_key ca.key
  openssl req -x509 -new -key ca.key -days 3650 -subj /CN=tradeops-cluster -out ca.crt \
    -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature
  new_key apiserver.key
  certificate apiserver /CN=kube-apiserver serverAuth \
    "subjectAltName=IP:127.0.0.1,IP:$api_address,IP:$first_service_address,$names"
  # Write access to etcd is full access to the cluster, so etcd accepts only the API server's certificate.
  new_key etcd.key
  certificate etcd /CN=etcd serverAuth,clientAuth subjectAltName=IP:127.0.0.1
  # The API server's client certificate for the kubelet, which serves logs.
  new_key kubelet-client.key
  certificate kubelet-client /O=system:masters/CN=kube-apiserver clientAuth

  user admin "$state/kubeconfig" system:masters
  user system:kube-controller-manager controller-manager.kubeconfig
  user system:kube-scheduler scheduler.kubeconfig
  user system:node:node1 kubelet.kubeconfig system:nodes
  user system:kube-proxy proxy.kubeconfig
  echo "${program[kubectl]}" >"$state/kubectl"
)

# user NAME KUBECONFIG [GROUP]: creates a user with a random token, which only files of mode 0600 contain.
user() {
  local token
  token=$(openssl rand -hex 32)
  echo "$token,$1,$1,\"${3-}\"" >>tokens.csv
  cat >"$2" <<END
apiVersion: v1
kind: Config
clusters:
  - name: tradeops
    cluster:
      server: $api_url
      certificate-authority-data: $(base64 -w0 ca.crt)
users:
  - name: $1
    user:
      token: $token
contexts:
  - name: tradeops
    context:
      cluster: tradeops
      user: $1
current-context: tradeops
END
}

# The data need not survive a crash of the machine, so writes do not wait for the disk.
start_etcd() {
  local client=https://127.0.0.1:${port[etcd]} peer=https://127.0.0.1:${port[etcd-peer]} keys=$state/keys
  start etcd "${program[etcd]}" --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn --logger zap \
    --client-cert-auth --trusted-ca-file "$keys/ca.crt" --cert-file "$keys/etcd.crt" --key-file "$keys/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "$keys/ca.crt" \
    --peer-cert-file "$keys/etcd.crt" --peer-key-file "$keys/etcd.key" \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"
  wait_for etcd 60 healthy_etcd
}

start_apiserver() {
  start kube-apiserver "${program[kube-apiserver]}" \
    --etcd-servers "https://127.0.0.1:${port[etcd]}" --etcd-cafile "$state/keys/ca.crt" \
    --etcd-certfile "$state/keys/etcd.crt" --etcd-keyfile "$state/keys/etcd.key" \
    --bind-address "$api_address" --secure-port "${port[kube-apiserver]}" --advertise-address "$api_advertised" \
    --tls-cert-file "$state/keys/apiserver.crt" --tls-private-key-file "$state/keys/apiserver.key" \
    --token-auth-file "$state/keys/tokens.csv" --client-ca-file "$state/keys/ca.crt" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$state/keys/service-accounts.pub" \
    --service-account-signing-key-file "$state/keys/service-accounts.key" \
    --kubelet-client-certificate "$state/keys/kubelet-client.crt" \
    --kubelet-client-key "$state/keys/kubelet-client.key" --kubelet-preferred-address-types InternalIP \
    --service-cluster-ip-range "$service_range" --allow-privileged=true --profiling=false
  wait_for kube-apiserver 90 healthy_kube-apiserver
}

start_controller_manager() {
  start kube-controller-manager "${program[kube-controller-manager]}" \
    --kubeconfig "$state/keys/controller-manager.kubeconfig" --authentication-skip-lookup \
    --bind-address 127.0.0.1 --secure-port "${port[kube-controller-manager]}" \
    --service-account-private-key-file "$state/keys/service-accounts.key" --root-ca-file "$state/keys/ca.crt" \
    --use-service-account-credentials --leader-elect=false --profiling=false --kube-api-qps 500 --kube-api-burst 1000
}

start_scheduler() {
  start kube-scheduler "${program[kube-scheduler]}" \
    --kubeconfig "$state/keys/scheduler.kubeconfig" --authentication-skip-lookup \
    --bind-address 127.0.0.1 --secure-port "${port[kube-scheduler]}" --leader-elect=false --profiling=false \
    --kube-api-qps 500 --kube-api-burst 1000
}

# Pods can be created in a namespace as soon as it has this ServiceAccount.
wait_for_default_account() {
  wait_for kube-controller-manager 60 kubectl get --namespace default serviceaccount/default
}

kubectl() { "$(cat "$state/kubectl")" --kubeconfig "$state/kubeconfig" --request-timeout 15s "$@"; }

# responds URL EXPECTED [OPTION...]: checks the health endpoint of a component.
responds() { [[ $(curl --silent --insecure --max-time 5 --noproxy '*' "${@:3}" "$1") == *"$2"* ]]; }

port_of() { cat "$state/ports/$1"; }
healthy_etcd() {
  responds "https://127.0.0.1:$(port_of etcd)/health" '"health":"true"' --cert "$state/keys/etcd.crt" --key "$state/keys/etcd.key"
}
healthy_kube-apiserver() { kubectl get --raw /readyz >/dev/null; }
healthy_kube-controller-manager() { responds "https://127.0.0.1:$(port_of kube-controller-manager)/healthz" ok; }
healthy_kube-scheduler() { responds "https://127.0.0.1:$(port_of kube-scheduler)/healthz" ok; }
