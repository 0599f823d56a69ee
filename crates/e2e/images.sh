#!/usr/bin/env bash
# Builds the images that the e2e tests deploy, in FOLDER, and prints the tag of the images of crates. An image that is up to date is not built again.
#
#   crates/e2e/images.sh FOLDER
#
# curl-trigger and the images of NATS are those of a release. The others have the debug programs that the tests have already built, with
# their shared libraries: static release builds (`just images`) take minutes, and make no difference for the cluster.
set -euo pipefail
folder=$(realpath -m "${1:?the folder for the archives}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$folder"
# cargo sets these for tests. The build of ring depends on them, so ring and nearly everything else would be built again.
mapfile -t variables < <(compgen -e | grep -E '^CARGO_(PKG_|MANIFEST_|CRATE_NAME|BIN_|PRIMARY_|TARGET_TMPDIR)')
unset "${variables[@]}"

# The packages and targets of the step `rust`: others would have other features, and everything would be built again.
cargo build --quiet --locked --workspace --exclude demo --exclude e2e --tests >&2
declare -A built=([curl-trigger]=$(scripts/build-curl-trigger.sh plain "$target"))
for name in trigger-api trades-sync monitor-api; do
  built[$name]=$folder/$name
  # Debug information is most of the file.
  strip --strip-all -o "$folder/$name" "$target/debug/$name"
done
tag=$(cat "${built[@]}" deploy/images/make_image.py "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)

is_built() { [[ -e $folder/$1.tar ]] && tar -xOf "$folder/$1.tar" manifest.json | grep -qF "\"$1:$tag\""; }

# Their tags are versions, which do not show whether the archives are up to date.
IMAGES=$folder scripts/images.sh nats nats-box >/dev/null
for name in "${!built[@]}"; do
  image=$folder/$name.tar libraries=()
  if is_built "$name"; then
    continue
  fi
  # Lines of ldd: "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)". It prints none for a static program.
  while read -r library; do
    libraries+=(--file "${library#/}=$library")
  done < <(ldd "${built[$name]}" 2>/dev/null | sed -nE 's/^.*[[:space:]](\/[^ ]+) \(0x.*/\1/p')
  python3 deploy/images/make_image.py --name "$name" --tag "$tag" --binary "${built[$name]}" --output "$image.new" "${libraries[@]}" >&2
  mv "$image.new" "$image"
done
echo "$tag"
