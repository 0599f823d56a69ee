#!/usr/bin/env bash
# Writes the images as archives, target/images/NAME.tar, and beside each the list of what is in it, NAME.cdx.json.
# Needs neither Docker nor root. At the end it prints their sizes as a table.
#
#   scripts/images.sh [NAME...]           all of them, or some
#   scripts/images.sh --list              name, package, feature, certificates, writable folder; a line for each
#   scripts/images.sh --tag               the tag that they get
#   scripts/images.sh --build-args NAME   the arguments that deploy/images/Dockerfile takes
#
# TAG            the tag; the git commit unless set, with -dirty behind it where the sources differ from it
# IMAGE_SOURCE   the URL of the repository, for a label
# CA_BUNDLE      certificates for the programs that speak TLS; /etc/ssl/certs/ca-certificates.crt
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root folder=$root/target/images
readonly ca_bundle=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}
# A writable folder is one that the program uses without being told; in a cluster a volume is mounted there.
readonly images='trades-sync trades-sync - certificates -
trigger-api trigger-api - certificates data
curl-trigger curl-trigger program - -
curl-trigger-tls curl-trigger tls certificates -'

give_up() {
  echo "scripts/images.sh: $1" >&2
  exit 2
}

# The line of an image, in the variables that are named as its fields.
choose() {
  local line
  line=$(grep "^$1 " <<<"$images") || give_up "there is no image $1; there are $(cut -d' ' -f1 <<<"$images" | paste -sd' ')"
  # shellcheck disable=SC2034  # each caller takes those it needs
  read -r name package feature certificates writable <<<"$line"
}

# Of the package's Cargo.toml, as cargo understands it.
about() {
  cargo metadata --locked --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" | python3 -c '
import json, sys
package, field = sys.argv[1:]
print(next(one[field] for one in json.load(sys.stdin)["packages"] if one["name"] == package))' "$package" "$1"
}

revision=$(git -C "$root" rev-parse HEAD) || give_up 'this is no git checkout, so nobody could say what the images are made of'
if [[ -n $(git -C "$root" status --porcelain) ]]; then revision+=-dirty; fi
readonly revision tag=${TAG:-$revision}
created=$(TZ=UTC git -C "$root" show -s --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ HEAD)
seconds=$(git -C "$root" show -s --format=%ct HEAD)
readonly created seconds

make_one() {
  local binary made features=() bundle=() more=()
  choose "$1"
  binary=$("$root/scripts/build-static.sh" "$name")
  [[ $certificates == - ]] || bundle=(--ca-bundle "$ca_bundle")
  [[ $writable == - ]] || more+=(--directory "$writable")
  [[ -z ${IMAGE_SOURCE:-} ]] || more+=(--source "$IMAGE_SOURCE")
  [[ $feature == - ]] || features=(--feature "$feature")
  made=$(python3 "$root/deploy/images/make_image.py" --name "$name" --binary "$binary" --output "$folder/$name.tar" \
    --description "$(about description)" --version "$(about version)" --revision "$revision" --created "$created" \
    --tag "$tag" "${bundle[@]}" "${more[@]}")
  echo "$made" >&2
  # For the list alone: cargo would compile C anew whenever this variable changes.
  SOURCE_DATE_EPOCH=$seconds python3 "$root/deploy/images/make_sbom.py" --install --name "$name" --package "$package" "${features[@]}" \
    --binary "$binary" "${bundle[@]}" --output "$folder/$name.cdx.json" >&2
  sed -E "s|.* ([0-9]+) bytes unpacked, ([0-9]+) bytes to pull, .*|$name \1 \2|" <<<"$made" |
    awk -v tag="$tag" '{ printf "| %s | `%s` | %.1f KB | %.1f KB |\n", $1, tag, $2 / 1000, $3 / 1000 }' >>"$table"
}

case ${1:-} in
  --list) echo "$images" ;;
  --tag) echo "$tag" ;;
  --build-args)
    choose "${2:?which image?}"
    echo "--build-arg PROGRAM=$name --build-arg VERSION=$(about version) --build-arg REVISION=$revision" \
      "--build-arg CREATED=$created --build-arg SOURCE=${IMAGE_SOURCE:-}"
    ;;
  -*) give_up "there is no option $1; see the top of it" ;;
  *)
    [[ -r $ca_bundle ]] || give_up "$ca_bundle can't be read; install ca-certificates, or set CA_BUNDLE to a file of certificates"
    [[ $revision != *-dirty ]] || echo "the sources differ from the commit, so the revision is $revision" >&2
    # shellcheck disable=SC2046  # names have no spaces
    (($#)) || set -- $(cut -d' ' -f1 <<<"$images")
    for one in "$@"; do choose "$one"; done
    mkdir -p "$folder"
    table=$(mktemp)
    trap 'rm -f "$table"' EXIT
    for one in "$@"; do make_one "$one"; done
    printf '| image | tag | on disk | to pull |\n|---|---|---|---|\n'
    cat "$table"
    ;;
esac
