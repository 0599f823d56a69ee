#!/usr/bin/env bash
# Builds a program as one static file and prints its path.
#
#   scripts/build-static.sh PROGRAM [TARGET_DIR]      trades-sync, trigger-api, curl-trigger or curl-trigger-tls
#
# The same commit and compiler give the same bytes, wherever the sources, the crates and the toolchain lie.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
readonly root platform=x86_64-unknown-linux-gnu
program=${1:?which program?}
target=$(realpath --canonicalize-missing "${2:-${CARGO_TARGET_DIR:-$root/target}}")

case $program in
  curl-trigger) exec "$root/scripts/build-curl-trigger.sh" plain "$target" ;;
  curl-trigger-tls) exec "$root/scripts/build-curl-trigger.sh" tls "$target" ;;
  trades-sync) profile=release ;;
  trigger-api) profile=service ;;
  *) echo "scripts/build-static.sh: there is no program $program; see the top of it" >&2 && exit 2 ;;
esac

cargo_home=$(realpath "${CARGO_HOME:-$HOME/.cargo}")
# Where the compiler's own sources are installed, their paths would be this machine's; otherwise they are these.
library=$(rustc --print sysroot)/lib/rustlib/src/rust
commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
# Of two that fit, the last one counts, and target and cargo's home may lie within the sources.
maps=("$root=." "$cargo_home=cargo" "$library=/rustc/$commit" "$target=target")

# Cargo splits these at this character, so that folders may have spaces.
flags=-Ctarget-feature=+crt-static
for map in "${maps[@]}"; do flags+=$'\x1f'--remap-path-prefix=$map; done
# For the C within crates; its compiler gets these split at spaces, so such folders would stay in the file.
c_flags=
for map in "${maps[@]}"; do [[ $map == *' '* ]] || c_flags+=" -ffile-prefix-map=$map"; done

# Flags are for the target alone: programs that run while building stay as they are.
env -u RUSTFLAGS -u CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS="$flags" \
  CFLAGS_x86_64_unknown_linux_gnu="${c_flags# }" CARGO_TARGET_DIR="$target" \
  cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --target "$platform" --profile "$profile" \
  --package "$program" --bin "$program" >&2
echo "$target/$platform/$profile/$program"
