#!/bin/sh
# Builds curl-trigger and prints the path of the binary.
#
#   scripts/build-curl-trigger.sh plain|tls [TARGET_DIR]
#
# The build is reproducible: the paths of the sources and the crates don't affect the binary.
set -eu
flavor=${1:?plain or tls}
case $flavor in
    plain) features=program ;;
    tls) features=tls ;;
    *) echo "build-curl-trigger: the flavor must be plain or tls, not $flavor" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
target=${2:-$root/target}/curl-trigger-$flavor
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# A position-independent executable must be relocated at its start by code of a C library, which this program does
# not have: hence relocation-model=static. The remapped paths keep those of this machine out of the binary.
RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no --remap-path-prefix=$root=. --remap-path-prefix=$cargo_home=cargo" \
CFLAGS="-ffile-prefix-map=$cargo_home=cargo -ffile-prefix-map=$root=." \
CARGO_TARGET_DIR=$target \
    env -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
    cargo build --quiet --locked --manifest-path "$root/Cargo.toml" -p curl-trigger --bin curl-trigger \
    --profile tiny --no-default-features --features "$features" >&2
echo "$target/tiny/curl-trigger"
