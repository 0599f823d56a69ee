#!/bin/sh
# Writes target/images/curl-trigger.tar and target/images/curl-trigger-tls.tar. Needs neither Docker nor root.
# TAG is the tag (the git commit unless set), IMAGE_SOURCE the URL of the repository for the label.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
images=$root/target/images
revision=$(git -C "$root" rev-parse HEAD)
mkdir -p "$images"
for flavour in plain tls; do
    name=curl-trigger
    [ "$flavour" = plain ] || name=curl-trigger-$flavour
    binary=$("$root/scripts/build-curl-trigger.sh" "$flavour" "${CARGO_TARGET_DIR:-$root/target}")
    python3 "$root/deploy/images/make_image.py" --name "$name" --binary "$binary" \
        --output "$images/$name.tar" --revision "$revision" --source "${IMAGE_SOURCE:-}" --tag "${TAG:-$revision}"
done
