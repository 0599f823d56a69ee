#!/usr/bin/env bash
# Tests scripts/cluster.sh: creates clusters, uses them, deletes them, and checks what remains. As root, it tests the control plane
# as an unprivileged user, and then a node. The last line has the counts.
set -uo pipefail
export LC_ALL=C

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d /tmp/tradeops-cluster-test.XXXXXX)
chmod 755 "$work"
passed=0 failed=0
export TRADEOPS_CLUSTER_DIR=$work/cluster
as_user=()

clean_up() {
  local folder
  for folder in "$work"/cluster*; do
    [[ ! -d $folder ]] || TRADEOPS_CLUSTER_DIR=$folder cluster down >/dev/null
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# check TITLE COMMAND...: prints a line; the output of the command only if it fails.
check() {
  local title=$1 output began=$SECONDS
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok      %-62s %3d s\n' "$title" $((SECONDS - began))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$title"
    tail -n 40 <<<"$output" | while IFS= read -r line; do printf '        %s\n' "$line"; done
  fi
}

cluster() { "${as_user[@]}" "$checkout/scripts/cluster.sh" "$@"; }
second() { TRADEOPS_CLUSTER_DIR=$work/cluster-two cluster "$@"; }
kubectl() { command kubectl --request-timeout=30s "$@"; }
fails_with() {
  local expected=$1 result=0
  shift
  "$@" || result=$?
  ((result == expected))
}
prints() {
  local expected=$1 output
  shift
  output=$("$@" 2>&1)
  [[ $output == *"$expected"* ]] || { echo "expected: $expected"; echo "got: $output"; return 1; }
}
# eventually SECONDS COMMAND...: repeats the command until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done >"$work/last-try" 2>&1 || { cat "$work/last-try"; return 1; }
}

# ---- The control plane

# An unprivileged user with a home of its own, who can read neither our home nor our checkout.
become_unprivileged() {
  cluster build >/dev/null || exit 1
  mkdir -p "$work"/{checkout/tools,checkout/scripts,checkout/deploy,programs,home}
  cp "$checkout"/scripts/{cluster,packages}.sh "$work/checkout/scripts/"
  cp -r "$checkout/tools/cluster" "$work/checkout/tools/"
  cp -r "$checkout/deploy/images" "$work/checkout/deploy/"
  local name newest
  for name in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    newest=$(find "${XDG_CACHE_HOME:-$HOME/.cache}/tradeops/cluster" -path "*/kubernetes-*/$name" -printf '%T@ %p\n' |
      sort -n | tail -n 1 | cut -d' ' -f2)
    cp -l "$newest" "$work/programs/" 2>/dev/null || cp "$newest" "$work/programs/"
  done
  ln -s "$(command -v etcd)" "$work/programs/etcd"
  chmod -R go+rX "$work/checkout"
  chown nobody "$work/home" "$work"
  checkout=$work/checkout
  as_user=(setpriv --reuid nobody --regid nogroup --clear-groups env -u XDG_CACHE_HOME HOME="$work/home"
    KUBEBUILDER_ASSETS="$work/programs")
}

foreign_folder_is_kept() {
  mkdir -p "$work/foreign/file" && TRADEOPS_CLUSTER_DIR=$work/foreign fails_with 2 cluster down && [[ -d $work/foreign/file ]]
}
env_is_only_exports() { ! cluster env | grep -v '^export [A-Z]*='; }
kubeconfig_is_private() { [[ $(stat -c %a "$KUBECONFIG") == 600 ]]; }
no_token_in_arguments() {
  # In a file, because the arguments of the search would match too.
  kubectl config view --raw --output 'jsonpath={.users[*].user.token}' >"$work/token"
  [[ -s $work/token ]] && ! cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aFf "$work/token" >/dev/null
}

token_is_known_to_its_audience() {
  local token
  token=$(kubectl create token default --audience tests) || return 1
  printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"%s","audiences":["tests"]}}' "$token" |
    kubectl create -o 'jsonpath={.status.authenticated} {.status.user.username}' -f - |
    grep '^true system:serviceaccount:default:default$'
}

quota_is_enforced() {
  kubectl create namespace quota && kubectl -n quota create quota none --hard=pods=0 &&
    eventually 20 kubectl -n quota get serviceaccount default &&
    eventually 20 prints 'exceeded quota' kubectl -n quota run one --image=localhost/busybox:1
}

pod_security_is_enforced() {
  kubectl create namespace strict &&
    kubectl label namespace strict pod-security.kubernetes.io/enforce=restricted &&
    eventually 20 kubectl -n strict get serviceaccount default &&
    prints 'violates PodSecurity' kubectl -n strict run one --image=localhost/busybox:1
}

admission_policy_is_enforced() {
  kubectl apply -f - <<'END'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: no-secrets-called-x }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps] }]
  validations: [{ expression: "object.metadata.name != 'forbidden'", message: not that name }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: no-secrets-called-x }
spec: { policyName: no-secrets-called-x, validationActions: [Deny] }
END
  eventually 30 prints 'not that name' kubectl create configmap forbidden --dry-run=server
}

garbage_is_collected() {
  kubectl create deployment one --image=localhost/busybox:1 &&
    eventually 20 prints one- kubectl get replicasets -o name &&
    kubectl delete deployment one &&
    eventually 20 prints 'No resources found' kubectl get replicasets
}

two_control_planes() {
  second up --control-plane && second status && cluster status && second down
}

broken_cluster_is_replaced() {
  kill -KILL "$(cat "$TRADEOPS_CLUSTER_DIR/pids/kube-scheduler")"
  eventually 10 fails_with 1 cluster status && prints 'processes that are not running: kube-scheduler;' cluster up --control-plane && cluster status
}

nothing_remains() {
  local remains=0
  [[ ! -e $TRADEOPS_CLUSTER_DIR ]] || { ls -la "$TRADEOPS_CLUSTER_DIR"; remains=1; }
  # This shell and its children have the folder in their environment too.
  local pid
  while read -r pid; do
    if [[ -d /proc/$pid && $(ps -o sid= -p "$pid") != "$(ps -o sid= -p $$)" ]]; then
      ps -o pid,args -p "$pid" && remains=1
    fi
  done < <(grep -lsaF "$TRADEOPS_CLUSTER_DIR" /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d/ -f3 | sort -u)
  return "$remains"
}

control_plane() {
  ((EUID != 0)) || become_unprivileged
  check 'without a cluster, status and env fail' fails_with 1 cluster status
  ((EUID != 0)) || check 'a node needs root' fails_with 2 cluster up
  check 'a folder that is not a cluster is not deleted' foreign_folder_is_kept
  check 'the control plane starts' cluster up --control-plane
  check 'all components are healthy' cluster status
  check 'a second up changes nothing' prints 'already up' cluster up --control-plane
  check 'env prints only exports' env_is_only_exports
  eval "$(cluster env)"
  check 'the kubeconfig is mode 0600' kubeconfig_is_private
  check 'no argument contains a token' no_token_in_arguments
  check 'TokenRequest and TokenReview' token_is_known_to_its_audience
  check 'resource quotas' quota_is_enforced
  check 'Pod Security Standards' pod_security_is_enforced
  check 'ValidatingAdmissionPolicy' admission_policy_is_enforced
  check 'garbage collection' garbage_is_collected
  check 'two control planes at the same time' two_control_planes
  check 'status reports a killed component, and up replaces the cluster' broken_cluster_is_replaced
  check 'down' cluster down
  check 'nothing remains' nothing_remains
  check 'a second down' cluster down
}

# ---- The node

# Prints everything that a node can leave behind on the machine.
machine() {
  ip -o link | cut -d: -f2
  cut -d' ' -f1-4 /proc/mounts
  iptables-save | grep -E '^-A|^:[A-Z]+-'
  ip6tables-save | grep -E '^-A|^:[A-Z]+-'
  find /sys/fs/cgroup -maxdepth 2 -name 'tradeops*'
  ls -d /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers /run/netns /opt/containerd
  ls /run/netns
  grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops
  # shellcheck disable=SC2009 # not pgrep: zombies do not count
  ps -eo stat,comm | grep -E '^[^Z]\S* +(kubelet|kube-proxy|containerd|coredns|pause)'
} 2>/dev/null

# job NAME COMMAND [MORE FIELDS OF THE CONTAINER [OF THE JOB]]
job() {
  cat <<END
apiVersion: batch/v1
kind: Job
metadata: { name: $1 }
spec:
  backoffLimit: 0
  ${4-}
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: localhost/busybox:1, command: [sh, -c, "$2"] ${3-} }]
---
END
}

workloads() {
  job succeeds 'echo it runs'
  job exits-3 'echo it fails; exit 3'
  job eats-memory 'tail /dev/zero' ', resources: { limits: { memory: 16Mi } }'
  job goes-away 'true' '' 'ttlSecondsAfterFinished: 0'
  job not-pulled 'true' | sed 's#localhost/busybox#registry.invalid/absent#'
  job not-there 'true' ', imagePullPolicy: Never' | sed 's#localhost/busybox#localhost/absent#'
  cat <<'END'
apiVersion: batch/v1
kind: CronJob
metadata: { name: every-minute }
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: main, image: localhost/busybox:1, command: ["true"] }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  securityContext: { runAsNonRoot: true, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: main
      image: localhost/busybox:1
      command: [sh, -c, "echo served >/www/index.html; exec httpd -f -p 8080 -h /www"]
      readinessProbe: { httpGet: { path: /index.html, port: 8080 }, periodSeconds: 1 }
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      volumeMounts: [{ name: www, mountPath: /www }]
  volumes: [{ name: www, emptyDir: {} }]
END
}

of_pod() { kubectl get pods --selector "job-name=$1" -o "jsonpath={.items[0].status.containerStatuses[0].state.$2}"; }
job_ends() { kubectl wait "job/$1" --for="condition=$2" --timeout=60s; }
job_succeeds_with_logs() { job_ends succeeds Complete && prints 'it runs' kubectl logs job/succeeds; }
job_fails_with_its_code() {
  job_ends exits-3 Failed && prints 'it fails' kubectl logs job/exits-3 && prints 3 of_pod exits-3 terminated.exitCode
}
job_is_killed_for_memory() { job_ends eats-memory Failed && prints OOMKilled of_pod eats-memory terminated.reason; }
image_is_missing() { eventually 60 prints "$2" of_pod "$1" waiting.reason; }
pull_fails() {
  eventually 60 prints ErrImagePull of_pod not-pulled waiting.reason || prints ImagePullBackOff of_pod not-pulled waiting.reason
}
job_is_cleaned_up() { kubectl wait job/goes-away --for=delete --timeout=60s; }
web_is_ready() { kubectl wait pod/web --for=condition=Ready --timeout=60s; }
asks_web() {
  job "$1" "wget -q -O - http://$2/" | kubectl apply -f - && job_ends "$1" Complete && prints served kubectl logs "job/$1"
}
exec_runs() { prints served kubectl exec web -- cat /www/index.html; }
schedule_starts_a_job() { eventually 90 prints every-minute- kubectl get jobs -o name; }
second_node_is_rejected() {
  prints 'can have only one' second up
}
machine_is_as_before() { diff <(echo "$before") <(machine); }

crash_everything() {
  local pids
  pids=$(cat "$TRADEOPS_CLUSTER_DIR"/pids/{kubelet,containerd,kube-proxy,etcd,kube-apiserver})
  # shellcheck disable=SC2086
  kill -KILL $pids
}

node() {
  as_user=()
  unset KUBECONFIG
  TRADEOPS_CLUSTER_DIR=$work/cluster-node
  before=$(machine)
  check 'the node starts' cluster up
  check 'all components are healthy' cluster status
  check 'a second node is rejected' second_node_is_rejected
  eval "$(cluster env)"
  check 'workloads are accepted' kubectl apply -f <(workloads)
  check 'a Job succeeds, and has logs' job_succeeds_with_logs
  check 'a Job fails with its exit code' job_fails_with_its_code
  check 'a Job is killed for memory' job_is_killed_for_memory
  check 'an image that does not exist' image_is_missing not-there ErrImageNeverPull
  check "an image that can't be pulled" pull_fails
  check 'a finished Job is deleted after its TTL' job_is_cleaned_up
  check 'a restricted pod serves' web_is_ready
  check 'kubectl exec' exec_runs
  check "a Service's address" asks_web by-address "$(kubectl get service web -o jsonpath='{.spec.clusterIP}')"
  check "a Service's name" asks_web by-name web
  check "a Service's full name" asks_web by-full-name web.default.svc.cluster.local
  check 'a CronJob starts a Job' schedule_starts_a_job
  check 'down' cluster down
  check 'nothing remains' nothing_remains
  check 'the machine is unchanged' machine_is_as_before
  check 'a node starts again' cluster up
  crash_everything
  check 'status reports a crash' fails_with 1 cluster status
  check 'down after a crash' cluster down
  check 'nothing remains' nothing_remains
  check 'the machine is unchanged' machine_is_as_before
}

control_plane
if ((EUID == 0)); then
  node
else
  echo 'skipped: the node, which needs root'
fi
echo "$passed passed, $failed failed"
((failed == 0))
