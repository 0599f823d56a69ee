#!/usr/bin/env bash
# The images that the tests on a cluster deploy, in FOLDER; prints their tag. What hasn't changed is not made again.
#
#   crates/e2e/images.sh FOLDER
#
# curl-trigger is the program that ships. The two others are what `cargo test --workspace` has built already, each with the
# shared libraries it needs beside it: static builds of them (`just images`) would cost the tests minutes, and differ in nothing
# that a cluster sees.
set -euo pipefail
folder=$(realpath -m "${1:?the folder for the archives}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$folder"
# What `cargo test` tells its tests: ring's build depends on it, and on ring nearly everything, which would be built again.
mapfile -t told < <(compgen -e | grep -E '^CARGO_(PKG_|MANIFEST_|CRATE_NAME|BIN_|PRIMARY_|TARGET_TMPDIR)')
unset "${told[@]}"

# The packages and targets of the step `rust`: with others, cargo would choose other features and build everything again.
cargo build --quiet --locked --workspace --exclude demo --exclude e2e --tests >&2
declare -A built=([curl-trigger]=$(scripts/build-curl-trigger.sh plain "$target"))
for name in trigger-api trades-sync; do
  built[$name]=$folder/$name
  # What tells lines in a debugger is most of such a program.
  strip --strip-all -o "$folder/$name" "$target/debug/$name"
done
tag=$(cat "${built[@]}" deploy/images/make_image.py "${BASH_SOURCE[0]}" | sha256sum | cut -c1-16)

for name in "${!built[@]}"; do
  image=$folder/$name.tar libraries=()
  if [[ -e $image ]] && tar -xOf "$image" manifest.json | grep -qF "\"$name:$tag\""; then
    continue
  fi
  # "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)", "/lib64/ld-linux-x86-64.so.2 (0x...)"; nothing for a static program.
  while read -r library; do
    libraries+=(--file "${library#/}=$library")
  done < <(ldd "${built[$name]}" 2>/dev/null | sed -nE 's/^.*[[:space:]](\/[^ ]+) \(0x.*/\1/p')
  python3 deploy/images/make_image.py --name "$name" --tag "$tag" --binary "${built[$name]}" --output "$image.new" "${libraries[@]}" >&2
  mv "$image.new" "$image"
done
echo "$tag"
