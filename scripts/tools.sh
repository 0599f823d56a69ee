#!/usr/bin/env bash
# Builds tools from Go modules (for charts, workflows and tests, and NATS), once, into the user's cache. Prints the folder that has them:
#
#   PATH=$(scripts/tools.sh helm kubeconform kube-score cyclonus):$PATH
#   PATH=$(scripts/tools.sh nats-server nats):$PATH
#   PATH=$(scripts/tools.sh):$PATH      all of them
#
# A helm on PATH is used instead if its version is 3.14 or later, unless the first argument is --pinned.
# KUBEBUILDER_ASSETS and XDG_CACHE_HOME have the same meaning as for scripts/cluster.sh.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
# shellcheck source=tools/cluster/build.sh
source "$root/tools/cluster/build.sh"

# build.sh calls these two. Nothing is timed or deleted here.
step() { "${@:2}" >&2; }
give_up() {
  echo "$1" >&2
  exit 2
}

# Helm 3.14 and later render these charts as Helm 4 does.
installed_helm() {
  local version major minor
  version=$(helm version --template '{{ .Version }}' 2>/dev/null) || return
  IFS=. read -r major minor _ <<<"${version#v}"
  ((major > 3 || (major == 3 && minor >= 14)))
}

pinned=
if [[ ${1-} == --pinned ]]; then
  pinned=yes
  shift
fi
# The folder of each tool's module.
declare -A modules=([actionlint]=$root/tools/actionlint [next-run]=$root/tools/next-run [nats-server]=$root/tools/nats/nats-server [nats]=$root/tools/nats/natscli)
for folder in "$root"/tools/charts/*/; do modules[$(basename "$folder")]=${folder%/}; done
tools=("$@")
if ((${#tools[@]} == 0)); then tools=("${!modules[@]}"); fi
for tool in "${tools[@]}"; do
  module=${modules[$tool]-}
  if [[ -z $module ]]; then
    give_up "scripts/tools.sh: unknown tool $tool; the tools are ${!modules[*]}"
  fi
  if [[ $tool == helm && -z $pinned ]] && installed_helm; then
    program[helm]=$(command -v helm)
  else
    sources=$(dirname "$module")
    find_or_build "$(basename "$module")" "$tool"
  fi
done

# One folder of links: each tool is kept under the hash of its own checksums.
folder=$cache/tools-$(printf '%s\n' "${program[@]}" | sort | sha256sum | cut -c1-16)
mkdir -p "$folder"
for tool in "${tools[@]}"; do ln -sfn "${program[$tool]}" "$folder/$tool"; done
echo "$folder"
