#!/usr/bin/env bash
# The tools that work on the charts, built once from Go modules and kept in the user's cache. Prints their folder:
#
#   PATH=$(scripts/tools.sh helm kubeconform kube-score cyclonus):$PATH
#   PATH=$(scripts/tools.sh):$PATH      all of them
#
# A helm of the PATH is taken instead if it is 3.14 or later, unless the first argument is --pinned.
# KUBEBUILDER_ASSETS and XDG_CACHE_HOME mean what they mean to scripts/cluster.sh.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
readonly sources=$root/deploy/tools
# shellcheck source=crates/e2e/cluster/build.sh
source "$root/crates/e2e/cluster/build.sh"

# What build.sh calls: here there is nothing to take down or to time.
step() { "${@:2}" >&2; }
give_up() {
  echo "$1" >&2
  exit 2
}

# 3.14 renders what these charts need as 4 does.
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
tools=("$@")
if ((${#tools[@]} == 0)); then
  for folder in "$sources"/*/; do tools+=("$(basename "$folder")"); done
fi
for tool in "${tools[@]}"; do
  if [[ ! -e $sources/$tool/go.mod ]]; then
    give_up "there is no tool $tool in deploy/tools"
  fi
  if [[ $tool == helm && -z $pinned ]] && installed_helm; then
    program[helm]=$(command -v helm)
  else
    find_or_build "$tool" "$tool"
  fi
done

# One folder for all of them: links, since each is kept under the hash of its own sums.
folder=$cache/tools-$(printf '%s\n' "${program[@]}" | sort | sha256sum | cut -c1-16)
mkdir -p "$folder"
for tool in "${tools[@]}"; do ln -sfn "${program[$tool]}" "$folder/$tool"; done
echo "$folder"
