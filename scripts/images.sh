#!/usr/bin/env bash
# Builds the images as archives, target/images/NAME.tar, each with its software bill of materials, NAME.cdx.json. Needs neither
# Docker nor root. At the end it prints their sizes as a table.
#
#   scripts/images.sh [NAME...]           all images, or the named ones
#   scripts/images.sh --list              prints a line for each: name, language, package, feature, certificates, writable folders, user, what
#                                         it replaces
#   scripts/images.sh --tag [NAME]        prints the tag of an image, or the one of all images of crates
#   scripts/images.sh --build-args NAME   prints the arguments for deploy/images/Dockerfile
#
# TAG            the tag of the images of crates (default: the git commit, with the suffix -dirty-HASH if the sources differ from it)
# IMAGE_SOURCE   the URL of the repository, for a label
# IMAGES         the folder of the archives (default target/images)
# CA_BUNDLE      the certificates for programs that use TLS (default /etc/ssl/certs/ca-certificates.crt)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root folder=${IMAGES:-$root/target/images}
readonly ca_bundle=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
# The package of a Go program is its name in scripts/tools.sh. `authorities` are the names and keys of the certificates
# (deploy/images/trim_certificates.py). An image that replaces that of curl has its program at /usr/bin/curl too, and /tmp. The first writable folder is the one that the program uses by default; in
# a cluster, a volume is mounted there.
readonly images='trades-sync rust trades-sync - certificates - nonroot -
trigger-api rust trigger-api - certificates data nonroot -
monitor-api rust monitor-api - certificates - nonroot -
curl-trigger rust curl-trigger program - - nonroot curl
curl-trigger-tls rust curl-trigger tls authorities - nonroot curl
nats go nats-server - certificates data nats -
nats-box go nats - certificates nsc,tmp nats -'
# The images of Go programs have the tag VERSION-REVISION, because a new tag restarts NATS. Increase the revision if the contents
# change, but not the version; values.yaml of the chart has the tags, too.
readonly -A go_modules=([nats-server]=nats-server [nats]=natscli)
readonly go_image_revision=1
# Values and manifests are no part of an image: an operator may change them before a deploy.
readonly image_sources=(. ':!deploy/charts' ':!deploy/manifests')

give_up() {
  echo "scripts/images.sh: $1" >&2
  exit 2
}

# Sets the variables of an image's line.
read_image() {
  local line
  line=$(grep "^$1 " <<<"$images") || give_up "unknown image $1; the images are $(cut -d' ' -f1 <<<"$images" | paste -sd' ')"
  # shellcheck disable=SC2034 # each caller uses some of them
  read -r name language package feature certificates writable user replaces <<<"$line"
}

# package_field FIELD: prints a field of the package's manifest.
package_field() {
  cargo metadata --locked --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" | python3 -c '
import json, sys
package, field = sys.argv[1:]
print(next(one[field] for one in json.load(sys.stdin)["packages"] if one["name"] == package))' "$package" "$1"
}

need_checkout() { git -C "$root" rev-parse --quiet --verify HEAD >/dev/null || give_up 'this is not a git checkout, so the images would have no revision'; }

is_dirty() { [[ -n $(git -C "$root" status --porcelain -- "${image_sources[@]}") ]]; }

# Prints the commit, with a hash of the differences if there are any: an image of other differences has another tag.
commit_tag() {
  local commit difference
  need_checkout
  commit=$(git -C "$root" rev-parse HEAD)
  if is_dirty; then
    difference=$({
      git -C "$root" diff --binary HEAD -- "${image_sources[@]}"
      git -C "$root" ls-files --others --exclude-standard -z -- "${image_sources[@]}" | (cd "$root" && xargs --null --no-run-if-empty sha256sum)
    } | sha256sum | cut -c1-8)
    commit+=-dirty-$difference
  fi
  echo "$commit"
}

# Sets the contents of the images' labels.
read_commit() {
  need_checkout
  revision=$(git -C "$root" rev-parse HEAD)
  ! is_dirty || revision+=-dirty
  created=$(TZ=UTC git -C "$root" show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ HEAD)
  seconds=$(git -C "$root" show -s --format=%ct HEAD)
}

# tag_of LANGUAGE PACKAGE
tag_of() {
  if [[ $1 == go ]]; then
    local module=${go_modules[$2]}
    sed -nE "s|^.*github.com/nats-io/$module(/v2)? v([^ ]+).*|\\2-$go_image_revision|p" "$root/tools/nats/$module/go.mod"
  else
    echo "${TAG:-$(commit_tag)}"
  fi
}

# The next functions set `binary`, and append to the options of make_image.py and make_sbom.py.
build_rust() {
  binary=$("$root/scripts/build-static.sh" "$name")
  image+=(--description "$(package_field description)" --version "$(package_field version)")
  contents+=(--install --package "$package")
  [[ $feature == - ]] || contents+=(--feature "$feature")
}

build_go() {
  binary=$("$root/scripts/tools.sh" "$package")/$package
  local version
  version=$(go version -m "$binary" | awk '$1 == "mod" { print $3 }')
  image+=(--version "${version#v}")
  "build_$name"
}

build_nats() {
  image+=(--path nats-server --env PATH=/ --licenses Apache-2.0 --description 'NATS server with JetStream')
  contents+=(--go-module tools/nats/nats-server)
}

# The command-line client with a shell, for Jobs, init containers and operators.
build_nats-box() {
  local busybox applet
  busybox=$(dpkg-query --listfiles busybox-static 2>/dev/null | grep '/bin/busybox$') ||
    give_up "nats-box needs busybox of the package busybox-static: sudo apt-get install busybox-static"
  image+=(--path bin/nats --command /bin/sh --env PATH=/bin --env HOME=/nsc --file "bin/busybox=$busybox"
    --licenses 'Apache-2.0 AND GPL-2.0-only' --description 'The command-line client of NATS, and a shell')
  for applet in $("$busybox" --list); do
    [[ $applet == busybox ]] || image+=(--link "bin/$applet=busybox")
  done
  contents+=(--go-module tools/nats/natscli --busybox)
}

build_image() {
  local binary made folder_owned tag bundle=$ca_bundle image=() contents=()
  read_image "$1"
  tag=$(tag_of "$language" "$package")
  "build_$language"
  if [[ $certificates == authorities ]]; then
    bundle=$folder/$name.authorities
    python3 "$root/deploy/images/trim_certificates.py" "$ca_bundle" "$bundle"
  fi
  if [[ $certificates != - ]]; then
    image+=(--ca-bundle "$bundle")
    contents+=(--ca-bundle "$bundle")
  fi
  if [[ $replaces == curl ]]; then
    image+=(--link "usr/bin/curl=/$name" --shared-directory tmp --env PATH=/usr/local/bin:/usr/bin:/bin)
  fi
  if [[ $writable != - ]]; then
    for folder_owned in ${writable//,/ }; do image+=(--directory "$folder_owned"); done
  fi
  [[ -z ${IMAGE_SOURCE:-} ]] || image+=(--source "$IMAGE_SOURCE")
  made=$(python3 "$root/deploy/images/make_image.py" --name "$name" --user "$user" --binary "$binary" --output "$folder/$name.tar" \
    --revision "$revision" --created "$created" --tag "$tag" "${image[@]}")
  echo "$made" >&2
  # Only for the bill of materials: cargo would compile C code again whenever this variable changes.
  SOURCE_DATE_EPOCH=$seconds python3 "$root/deploy/images/make_sbom.py" --name "$name" --binary "$binary" "${contents[@]}" \
    --output "$folder/$name.cdx.json" >&2
  sed -E "s|.* ([0-9]+) bytes unpacked, ([0-9]+) bytes to pull, .*|$name \1 \2|" <<<"$made" |
    awk -v tag="$tag" '{ printf "| %s | `%s` | %.1f KB | %.1f KB |\n", $1, tag, $2 / 1000, $3 / 1000 }' >>"$table"
}

case ${1:-} in
  --list) echo "$images" ;;
  --tag)
    language=rust package=
    (($# == 1)) || read_image "$2"
    tag_of "$language" "$package"
    ;;
  --build-args)
    read_image "${2:?which image?}"
    [[ $language == rust ]] || give_up "deploy/images/Dockerfile does not build $name; docker load --input target/images/$name.tar loads it"
    read_commit
    echo "--build-arg PROGRAM=$name --build-arg VERSION=$(package_field version) --build-arg REVISION=$revision" \
      "--build-arg CREATED=$created --build-arg SOURCE=${IMAGE_SOURCE:-}"
    ;;
  -*) give_up "unknown option $1; the top of the file lists the options" ;;
  *)
    [[ -r $ca_bundle ]] || give_up "$ca_bundle can't be read; install ca-certificates, or set CA_BUNDLE to a file of certificates"
    read_commit
    [[ $revision != *-dirty ]] || echo "the sources differ from the commit, so the revision is $revision" >&2
    # shellcheck disable=SC2046  # names have no spaces
    (($#)) || set -- $(cut -d' ' -f1 <<<"$images")
    for one in "$@"; do read_image "$one"; done
    mkdir -p "$folder"
    table=$(mktemp)
    trap 'rm -f "$table"' EXIT
    for one in "$@"; do build_image "$one"; done
    printf '| image | tag | on disk | to pull |\n|---|---|---|---|\n'
    cat "$table"
    ;;
esac
