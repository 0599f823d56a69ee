# shellcheck shell=bash
# Sourced by scripts/cluster.sh and scripts/tools.sh: finds or builds programs. Those that are not in KUBEBUILDER_ASSETS are built
# from Go modules into the user's cache, once for each set of checksums and version of Go.

# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

readonly cache=${XDG_CACHE_HOME:-$HOME/.cache}/tradeops/cluster
readonly control_plane_programs=(kube-apiserver kube-controller-manager kube-scheduler kubectl)
readonly node_programs=(kubelet kube-proxy)
declare -A program=()

build_programs() {
  local wanted=$1 name
  build_prerequisites "$wanted"
  for name in "${control_plane_programs[@]}"; do
    find_or_build kubernetes "$name"
  done
  [[ $wanted == node ]] || return 0
  for name in "${node_programs[@]}"; do
    find_or_build kubernetes "$name"
  done
  find_or_build coredns coredns
  find_or_build pause pause
  program[busybox]=$(command -v busybox)
  for name in pause busybox coredns; do
    prepare_image "$name"
  done
}

build_prerequisites() {
  local wanted=$1
  if [[ -x ${KUBEBUILDER_ASSETS:-/nonexistent}/etcd ]]; then
    program[etcd]=$KUBEBUILDER_ASSETS/etcd
  else
    need etcd etcd-server
    program[etcd]=$(command -v etcd)
  fi
  need openssl openssl
  need curl curl
  [[ $wanted == node ]] || return 0
  need python3 python3
  need containerd containerd
  need runc runc
  need iptables iptables
  need ip iproute2
  need busybox busybox-static
  # Its image has no libraries, so it must be static. ldd fails for a static program.
  ! ldd "$(command -v busybox)" >/dev/null 2>&1 || install_package 'a static busybox' busybox-static
  [[ -x $cni_plugins/bridge ]] || install_package "$cni_plugins/bridge" containernetworking-plugins
}

need() {
  command -v "$1" >/dev/null || install_package "$1" "$2"
}

# Installs a Debian package as root; otherwise names it and exits.
install_package() {
  local file=$1 package=$2
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    give_up "scripts/cluster.sh needs $file: sudo apt-get install $package"
  fi
  step "installing $package" install_as_root "$package"
  hash -r
}

# find_or_build FOLDER NAME: sets program[NAME]. The program is a tool of the folder's module, or the module itself.
find_or_build() {
  local folder=$1 name=$2 kept
  if [[ -x ${KUBEBUILDER_ASSETS:-/nonexistent}/$name ]]; then
    program[$name]=$KUBEBUILDER_ASSETS/$name
    return
  fi
  if ! command -v go >/dev/null; then
    give_up "$(basename "$0") needs Go 1.26 or later to build $name: https://go.dev/doc/install"
  fi
  kept=$cache/$folder-$(cache_key "$folder")
  program[$name]=$kept/$name
  [[ -x $kept/$name ]] || step "building $name" build "$folder" "$name" "$kept"
}

# Prints a hash of the input of a build: the modules and their checksums, the sources, and the version of Go.
cache_key() {
  local folder=$sources/$1
  {
    cat "$folder"/go.* "$folder"/*.go 2>/dev/null || true
    cd "$folder" && go env GOVERSION
  } | sha256sum | cut -c1-16
}

# Prints the linker flags for the versions that a release build of the project sets. Without them, the program reports v0.0.0.
version_flags() {
  local variables=k8s.io/component-base/version release
  case $1 in
    kubernetes)
      release=$(module_version kubernetes k8s.io/kubernetes)
      echo " -X $variables.gitVersion=$release -X $variables.gitMajor=1 -X $variables.gitMinor=$(cut -d. -f2 <<<"$release")"
      ;;
    natscli)
      release=$(module_version natscli github.com/nats-io/natscli)
      echo " -X main.version=${release#v}"
      ;;
  esac
}

module_version() { (cd "$sources/$1" && GOWORK=off go list -m -f '{{ .Version }}' "$2"); }

# A build ends with a rename, so a killed build leaves no incomplete program. The lock prevents two runs from building the same
# program at the same time. Without cgo the kubelet builds much faster.
build() {
  local folder=$1 name=$2 kept=$3 package flags='-s -w'
  package=$(cd "$sources/$folder" && GOWORK=off go list tool 2>/dev/null | grep -E "/$name(/v[0-9]+)?\$" || echo .)
  flags+=$(version_flags "$folder")
  echo "building $name, which is needed only once and may take minutes" >&2
  mkdir -p "$kept"
  (
    flock 8
    [[ -x $kept/$name ]] && exit
    unfinished=$(mktemp "$kept/.$name.XXXXXX")
    trap 'rm -f "$unfinished"' EXIT
    cd "$sources/$folder"
    GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0 \
      nice -n 5 go build -trimpath -buildvcs=false -ldflags "$flags" -o "$unfinished" "$package" \
      2> >(grep -v '^go: downloading ' >&2)
    chmod 755 "$unfinished"
    mv "$unfinished" "$kept/$name"
  ) 8>"$kept/.lock"
}

# Sets program[NAME-image] to an archive in the cache that contains only the program.
prepare_image() {
  local name=$1 maker=$root/deploy/images/make_image.py key links=() applet
  key=$(cat "${program[$name]}" "$maker" "$sources/build.sh" | sha256sum | cut -c1-16)
  program[$name-image]=$cache/images/$name-$key.tar
  [[ ! -e ${program[$name-image]} ]] || return 0
  if [[ $name == busybox ]]; then
    links=(--env PATH=/bin)
    for applet in $("${program[busybox]}" --list); do
      links+=(--link "bin/$applet=/busybox")
    done
  fi
  step "image of $name" write_image "$name" "$maker" "${links[@]}"
}

write_image() {
  local name=$1 maker=$2 unfinished
  shift 2
  mkdir -p "$cache/images"
  unfinished=$(mktemp "$cache/images/.$name.XXXXXX")
  python3 "$maker" --name "$name" --tag 1 --binary "${program[$name]}" --output "$unfinished" "$@" >/dev/null
  mv "$unfinished" "${program[$name-image]}"
}
