#!/bin/sh
# Builds the program curl-trigger and prints the path of the binary.
#
#   scripts/build-curl-trigger.sh plain|tls [TARGET_DIR]
#
# The result is one static file, the same bytes wherever the sources and the crates lie.
set -eu
flavour=${1:?plain or tls}
case $flavour in
    plain) features=program ;;
    tls) features=tls ;;
    *) echo "build-curl-trigger: the flavour is plain or tls, not $flavour" >&2; exit 2 ;;
esac
root=$(cd "$(dirname "$0")/.." && pwd)
target=${2:-$root/target}/curl-trigger-$flavour
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# crt-static and relocation-model make the one static file; a position-independent one would need relocating
# at start, by code that this program does not have. The paths are those of this machine, and nobody's business.
RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no --remap-path-prefix=$root=. --remap-path-prefix=$cargo_home=cargo" \
CFLAGS="-ffile-prefix-map=$cargo_home=cargo -ffile-prefix-map=$root=." \
CARGO_TARGET_DIR=$target \
    env -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
    cargo build --quiet --locked --manifest-path "$root/Cargo.toml" -p curl-trigger --bin curl-trigger \
    --profile tiny --no-default-features --features "$features" >&2
echo "$target/tiny/curl-trigger"
