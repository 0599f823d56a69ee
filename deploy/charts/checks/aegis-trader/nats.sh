# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/check-charts.sh sets the variables
# Sourced by checks.sh: runs the servers of a release on this machine, with the configuration of its ConfigMap.

# certificate NAME AUTHORITY ALTERNATIVE-NAME: writes a Secret's files to a folder.
certificate() {
  mkdir -p "$1"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=nats -keyout "$1/tls.key" -out request
  openssl x509 -req -in request -CA "$2.crt" -CAkey "$2.key" -days 1 -out "$1/tls.crt" -extfile <(echo "subjectAltName=$3")
  cp "$2.crt" "$1/ca.crt"
}
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "/CN=$1" -keyout "$1.key" -out "$1.crt"
}

# on_this_machine NUMBER: reads a server's configuration, and writes it with addresses and folders of this machine.
on_this_machine() {
  local n=$1
  sed -e "s|^port: 4222|listen: 127.0.0.1:${ports[n]}|" -e "s|^http_port: 8222|http: 127.0.0.1:${ports[n + 3]}|" \
    -e "s|  port: 6222|  listen: 127.0.0.1:${ports[n + 6]}|" \
    -e "s|//aegis-trader-nats-0.*:6222|//127.0.0.1:${ports[6]}|; s|//aegis-trader-nats-1.*:6222|//127.0.0.1:${ports[7]}|; s|//aegis-trader-nats-2.*:6222|//127.0.0.1:${ports[8]}|" \
    -e "s|/var/run/nats|$PWD/$n|; s|/data|$PWD/$n|; s|/etc/nats-certs|$PWD/certificates|" -e 's|\.\./nats-auth|../auth|'
}

changed_user_is_accepted() {
  # Another change each time, because the reloader may not have read the first one.
  echo '# changed' >>auth/auth.conf
  NATS_PASSWORD=second nats kv get things one
}

# The servers accept the users of the Secret over TLS, form a cluster over TLS, and read changed users without a restart.
nats_runs_with_users_and_tls() (
  local n ports reloader=$PWD/$chart/files/reload-config.sh
  # Not local: the trap runs outside of the function if a command fails.
  pids=()
  PATH=$(scripts/tools.sh nats-server nats):$PATH
  mkdir -p "$work/nats/auth"
  cd "$work/nats" || return
  authority ca
  certificate certificates/clients ca IP:127.0.0.1
  certificate certificates/routes ca IP:127.0.0.1
  echo 'authorization {users: [{user: platform, password: first}]}' >auth/auth.conf
  mapfile -t ports < <(python3 -c 'import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(9)]
print(*(one.getsockname()[1] for one in sockets), sep="\n")')
  trap 'kill "${pids[@]}"; wait' EXIT
  for n in 0 1 2; do
    mkdir -p "$n" "config-$n"
    kubectl --namespace restricted get configmap aegis-trader-nats-config -o 'jsonpath={.data.nats\.conf}' | on_this_machine "$n" >"config-$n/nats.conf"
    SERVER_NAME=aegis-trader-nats-$n nats-server --config "config-$n/nats.conf" >"$n/log" 2>&1 &
    pids+=($!)
  done
  export NATS_URL=tls://127.0.0.1:${ports[0]} NATS_CA=$PWD/ca.crt NATS_USER=platform NATS_PASSWORD=first
  eventually 30 nats kv add things --replicas=3
  nats kv put things one 1
  NATS_PASSWORD=wrong refused 'Authorization Violation' nats kv get things one
  NATS_CA='' refused 'unknown authority' nats kv get things one

  sed -e "s|/etc/nats-config|$PWD/config-0|; s|/etc/nats-auth|$PWD/auth|; s|/etc/nats-certs|$PWD/certificates|; s|/var/run/nats|$PWD/0|" "$reloader" >reload.sh
  sh reload.sh >reloader.log 2>&1 &
  pids+=($!)
  echo 'authorization {users: [{user: platform, password: second}]}' >auth/auth.conf
  eventually 30 changed_user_is_accepted
  refused 'Authorization Violation' nats kv get things one
)
