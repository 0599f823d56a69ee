# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh sets the variables
# Sourced by scripts/deploy.sh and scripts/doctor.sh: whether the admission policy protects the targets.

# Prints the CronJobs that a policy of the release protects.
protected_targets() {
  kubectl get validatingadmissionpolicybindings --selector "$selector" --output 'jsonpath={.items[*].spec.paramRef.name}' 2>/dev/null
}

# Prints a line for each target for which the API server would admit a Job of trigger-api with another image, or for which that is
# unknown. Nothing is created: the Jobs are dry runs in the name of trigger-api's ServiceAccount.
admission_problems() {
  local target answer format name
  format=$(kube get configmap trigger-api-config --output 'jsonpath={.data.JOB_NAME_FORMAT}' 2>/dev/null) || true
  for target in $(protected_targets); do
    # Without its CronJob, there is nothing to compare with.
    kube get cronjob "$target" >/dev/null 2>&1 || continue
    # A name that the policy denies would hide that it admits the image.
    name=${format:-'{cronjob}-{id}'}
    name=${name//'{cronjob}'/$target}
    name=${name//'{id}'/a000000000}
    answer=$(kube create job "$name" --from="cronjob/$target" --dry-run=client --output json 2>&1 |
      python3 -c '
import json, sys
job = json.load(sys.stdin)
job["metadata"]["ownerReferences"][0]["controller"] = True
job["spec"]["template"]["spec"]["containers"][0]["image"] = "tradeops.dev/not-the-image-of-the-template"
print(json.dumps(job))' 2>/dev/null |
      kube create --dry-run=server --as="system:serviceaccount:$namespace:trigger-api-sa" --filename - 2>&1) &&
      echo "the admission policy does not protect $target: any Job can be created with trigger-api's token" && continue
    [[ $answer == *ValidatingAdmissionPolicy* ]] || echo "it is unknown whether the admission policy protects $target: ${answer%%$'\n'*}"
  done
}

# Waits until the policies protect: the API server enforces a new one after a few seconds. Prints what is wrong after 30 s.
check_admission() {
  local problems attempt
  [[ $chart_name == tradeops ]] || return 0
  for ((attempt = 0; attempt < 15; attempt++)); do
    problems=$(admission_problems)
    [[ -n $problems ]] || return 0
    sleep 2
  done
  printf '%s\n' "$problems"
  echo 'restart the API server if the policies are installed: docs/SECURITY.md#trigger-api'
}
