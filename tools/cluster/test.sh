#!/usr/bin/env bash
# Checks scripts/cluster.sh itself: brings clusters up, uses them, takes them down, and looks for what is left.
# Run by root, it checks the control plane as an unprivileged user, and a node as well. The last line counts.
set -uo pipefail
export LC_ALL=C

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
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

# check WHAT COMMAND...: one line each; the output of the command is shown only when it fails.
check() {
  local what=$1 output began=$SECONDS
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok      %-62s %3d s\n' "$what" $((SECONDS - began))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$what"
    tail -n 40 <<<"$output" | while IFS= read -r line; do printf '        %s\n' "$line"; done
  fi
}

cluster() { "${as_user[@]}" "$checkout/scripts/cluster.sh" "$@"; }
beside() { TRADEOPS_CLUSTER_DIR=$work/cluster-two cluster "$@"; }
kubectl() { command kubectl --request-timeout=30s "$@"; }
fails_with() {
  local expected=$1 result=0
  shift
  "$@" || result=$?
  ((result == expected))
}
says() {
  local expected=$1 output
  shift
  output=$("$@" 2>&1)
  [[ $output == *"$expected"* ]] || { echo "expected: $expected"; echo "got: $output"; return 1; }
}
# eventually SECONDS COMMAND...: until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done >"$work/last-try" 2>&1 || { cat "$work/last-try"; return 1; }
}

# ---- the control plane

# A user without rights, with a home of its own, who may read neither our home nor our checkout.
become_unprivileged() {
  cluster build >/dev/null || exit 1
  mkdir -p "$work"/{checkout/crates/e2e,checkout/scripts,checkout/deploy,programs,home}
  cp "$checkout/scripts/cluster.sh" "$work/checkout/scripts/"
  cp -r "$checkout/tools/cluster" "$work/checkout/crates/e2e/"
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

stranger_is_left_alone() {
  mkdir -p "$work/stranger/file" && TRADEOPS_CLUSTER_DIR=$work/stranger fails_with 2 cluster down && [[ -d $work/stranger/file ]]
}
env_is_only_exports() { ! cluster env | grep -v '^export [A-Z]*='; }
kubeconfig_is_private() { [[ $(stat -c %a "$KUBECONFIG") == 600 ]]; }
no_token_in_arguments() {
  # In a file, or the search would find itself.
  sed -n 's/^ *token: //p' "$KUBECONFIG" >"$work/token"
  [[ -s $work/token ]] && ! cat /proc/[0-9]*/cmdline 2>/dev/null | grep -aFf "$work/token" >/dev/null
}

token_is_known_to_its_audience() {
  local token
  token=$(kubectl create token default --audience tests) || return 1
  printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"%s","audiences":["tests"]}}' "$token" |
    kubectl create -o 'jsonpath={.status.authenticated} {.status.user.username}' -f - |
    grep '^true system:serviceaccount:default:default$'
}

quota_is_kept() {
  kubectl create namespace quota && kubectl -n quota create quota none --hard=pods=0 &&
    eventually 20 kubectl -n quota get serviceaccount default &&
    eventually 20 says 'exceeded quota' kubectl -n quota run one --image=localhost/busybox:1
}

pod_security_is_kept() {
  kubectl create namespace strict &&
    kubectl label namespace strict pod-security.kubernetes.io/enforce=restricted &&
    eventually 20 kubectl -n strict get serviceaccount default &&
    says 'violates PodSecurity' kubectl -n strict run one --image=localhost/busybox:1
}

admission_policy_is_kept() {
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
  eventually 30 says 'not that name' kubectl create configmap forbidden --dry-run=server
}

garbage_is_collected() {
  kubectl create deployment one --image=localhost/busybox:1 &&
    eventually 20 says one- kubectl get replicasets -o name &&
    kubectl delete deployment one &&
    eventually 20 says 'No resources found' kubectl get replicasets
}

second_cluster_beside_the_first() {
  beside up --control-plane && beside status && cluster status && beside down
}

death_is_noticed_and_mended() {
  kill -KILL "$(cat "$TRADEOPS_CLUSTER_DIR/pids/kube-scheduler")"
  eventually 10 fails_with 1 cluster status && says 'half dead (no kube-scheduler)' cluster up --control-plane && cluster status
}

nothing_is_left() {
  local left=0
  [[ ! -e $TRADEOPS_CLUSTER_DIR ]] || { ls -la "$TRADEOPS_CLUSTER_DIR"; left=1; }
  # This shell and its children have the folder in their environment too.
  local pid
  while read -r pid; do
    if [[ -d /proc/$pid && $(ps -o sid= -p "$pid") != "$(ps -o sid= -p $$)" ]]; then
      ps -o pid,args -p "$pid" && left=1
    fi
  done < <(grep -lsaF "$TRADEOPS_CLUSTER_DIR" /proc/[0-9]*/cmdline /proc/[0-9]*/environ | cut -d/ -f3 | sort -u)
  return "$left"
}

control_plane() {
  ((EUID != 0)) || become_unprivileged
  check 'without a cluster, status and env fail' fails_with 1 cluster status
  ((EUID != 0)) || check 'a node is refused to a user who is not root' fails_with 2 cluster up
  check "a folder that is no cluster's is left alone" stranger_is_left_alone
  check 'the control plane comes up' cluster up --control-plane
  check 'status: all healthy' cluster status
  check 'up once more changes nothing' says 'already up' cluster up --control-plane
  check 'env prints exports alone' env_is_only_exports
  eval "$(cluster env)"
  check 'the kubeconfig is mode 0600' kubeconfig_is_private
  check 'no token stands in an argument' no_token_in_arguments
  check 'TokenRequest and TokenReview' token_is_known_to_its_audience
  check 'resource quotas' quota_is_kept
  check 'Pod Security Standards' pod_security_is_kept
  check 'ValidatingAdmissionPolicy' admission_policy_is_kept
  check 'garbage collection' garbage_is_collected
  check 'two control planes side by side' second_cluster_beside_the_first
  check 'a killed component is noticed, and up mends it' death_is_noticed_and_mended
  check 'down' cluster down
  check 'nothing is left' nothing_is_left
  check 'down once more' cluster down
}

# ---- the node

# What the machine has of what a node leaves behind when it is not taken down well.
machine() {
  ip -o link | cut -d: -f2
  cut -d' ' -f1-4 /proc/mounts
  iptables-save | grep -E '^-A|^:[A-Z]+-'
  ip6tables-save | grep -E '^-A|^:[A-Z]+-'
  find /sys/fs/cgroup -maxdepth 2 -name 'tradeops*'
  ls -d /run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers /run/netns /opt/containerd
  ls /run/netns
  grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops
  # shellcheck disable=SC2009 # a dead process that nobody has waited for yet is nothing that is left
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
job_succeeds_with_logs() { job_ends succeeds Complete && says 'it runs' kubectl logs job/succeeds; }
job_fails_with_its_code() {
  job_ends exits-3 Failed && says 'it fails' kubectl logs job/exits-3 && says 3 of_pod exits-3 terminated.exitCode
}
job_is_killed_for_memory() { job_ends eats-memory Failed && says OOMKilled of_pod eats-memory terminated.reason; }
image_is_missed() { eventually 60 says "$2" of_pod "$1" waiting.reason; }
pull_fails() {
  eventually 60 says ErrImagePull of_pod not-pulled waiting.reason || says ImagePullBackOff of_pod not-pulled waiting.reason
}
job_is_cleaned_up() { kubectl wait job/goes-away --for=delete --timeout=60s; }
web_is_ready() { kubectl wait pod/web --for=condition=Ready --timeout=60s; }
asks_web() {
  job "$1" "wget -q -O - http://$2/" | kubectl apply -f - && job_ends "$1" Complete && says served kubectl logs "job/$1"
}
exec_works() { says served kubectl exec web -- cat /www/index.html; }
schedule_is_kept() { eventually 90 says every-minute- kubectl get jobs -o name; }
second_node_is_refused() {
  says 'there can be only one' beside up
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
  check 'the node comes up' cluster up
  check 'status: all healthy' cluster status
  check 'a second node is refused' second_node_is_refused
  eval "$(cluster env)"
  check 'workloads are accepted' kubectl apply -f <(workloads)
  check 'a Job succeeds, and has logs' job_succeeds_with_logs
  check 'a Job fails with its exit code' job_fails_with_its_code
  check 'a Job is killed for memory' job_is_killed_for_memory
  check 'an image that is not there' image_is_missed not-there ErrImageNeverPull
  check "an image that can't be pulled" pull_fails
  check 'a finished Job is cleaned up' job_is_cleaned_up
  check 'a hardened pod serves' web_is_ready
  check 'kubectl exec' exec_works
  check "a Service's address" asks_web by-address "$(kubectl get service web -o jsonpath='{.spec.clusterIP}')"
  check "a Service's name" asks_web by-name web
  check "a Service's full name" asks_web by-full-name web.default.svc.cluster.local
  check 'a CronJob keeps its schedule' schedule_is_kept
  check 'down' cluster down
  check 'nothing is left' nothing_is_left
  check 'the machine is as before' machine_is_as_before
  check 'a node comes up again' cluster up
  crash_everything
  check 'status notices a crash' fails_with 1 cluster status
  check 'down after a crash' cluster down
  check 'nothing is left' nothing_is_left
  check 'the machine is as before' machine_is_as_before
}

control_plane
if ((EUID == 0)); then
  node
else
  echo 'skipped: the node, which needs root'
fi
echo "$passed passed, $failed failed"
((failed == 0))
