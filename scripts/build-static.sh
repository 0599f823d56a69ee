#!/usr/bin/env bash
# Builds a program as one static file and prints its path.
#
#   scripts/build-static.sh PROGRAM [TARGET_DIR]
#
# The programs are trades-sync, trigger-api, trigger-api-local, monitor-api, tradeops-cli, curl-trigger and curl-trigger-tls.
# trigger-api-local is trigger-api with EXECUTOR=local, which the image does not have. It needs a folder of its own.
#
# The same commit and compiler produce the same bytes, whatever the folders of the sources, the crates and the toolchain.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root platform=x86_64-unknown-linux-gnu
program=${1:?which program?}
target=$(realpath --canonicalize-missing "${2:-${CARGO_TARGET_DIR:-$root/target}}")

case $program in
  curl-trigger) exec "$root/scripts/build-curl-trigger.sh" plain "$target" ;;
  curl-trigger-tls) exec "$root/scripts/build-curl-trigger.sh" tls "$target" ;;
  trades-sync) profile=release ;;
  trigger-api | monitor-api) profile=service ;;
  # The package has another name than its program.
  tradeops-cli) profile=service binary=tradeops ;;
  trigger-api-local) program=trigger-api profile=service features=local target=$target/local ;;
  *) echo "scripts/build-static.sh: unknown program $program; the top of the file lists the programs" >&2 && exit 2 ;;
esac

cargo_home=$(realpath "${CARGO_HOME:-$HOME/.cargo}")
# If the sources of the standard library are installed, the compiler writes their local paths instead of this virtual one.
library=$(rustc --print sysroot)/lib/rustlib/src/rust
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
# The last prefix that matches is used, and the target folder and cargo's home may be inside the sources.
maps=("$root=." "$cargo_home=cargo" "$library=/rustc/$commit" "$target=target")

# Cargo separates these flags by this character, so paths may contain spaces.
flags=-Ctarget-feature=+crt-static
for map in "${maps[@]}"; do flags+=$'\x1f'--remap-path-prefix=$map; done
# For C code in crates. These flags are separated by spaces, so a path that contains one can't be mapped.
c_flags=
for map in "${maps[@]}"; do [[ $map == *' '* ]] || c_flags+=" -ffile-prefix-map=$map"; done

# With --target, the flags do not apply to build scripts.
env -u RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS="$flags" \
  CFLAGS_x86_64_unknown_linux_gnu="${c_flags# }" CARGO_TARGET_DIR="$target" \
  cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --target "$platform" --profile "$profile" \
  --package "$program" --bin "${binary:-$program}" ${features:+--features "$features"} >&2
echo "$target/$platform/$profile/${binary:-$program}"
