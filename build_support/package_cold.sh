#!/bin/sh
# Packages everything without reading or writing a cache, into the given directory, and prints how long that took:
#   package_cold.sh dist/cold        seconds=123.4
# A release is compared with it: what a cache holds must not differ from what is built anew.
set -eu
cd "$(dirname "$0")/.."
distdir=${1:?usage: package_cold.sh DIRECTORY}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
started=$(date +%s)
./pants \
    --no-pantsd \
    --no-local-cache \
    --no-remote-cache-read \
    --no-remote-cache-write \
    --local-store-dir="$work/store" \
    --named-caches-dir="$work/caches" \
    --pants-distdir="$distdir" \
    package :: >&2
printf 'seconds=%s\n' "$(($(date +%s) - started))"
