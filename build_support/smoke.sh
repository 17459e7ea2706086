#!/bin/sh
# Checks the archive in a directory as its user would: checksum, unpack, start.
#   smoke.sh dist/release
set -eu
cd "${1:?usage: smoke.sh DIRECTORY}"

case "$(uname -s)" in
    Darwin) sum='shasum -a 256' ;;
    *) sum=sha256sum ;;
esac
for checksum in *.sha256; do $sum -c "$checksum"; done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for archive in *.tar.gz; do tar -xzf "$archive" -C "$folder"; done

env -i "$folder/agent-runner" --version

status=0
message=$(env -i "$folder/agent-runner" 2>&1) || status=$?
if [ "$status" != 2 ] || ! printf '%s' "$message" | grep -q TEMPORAL_SERVICE_ADDRESS; then
    printf 'without variables it ended with %s, not 2 and a list of what is missing:\n%s\n' "$status" "$message" >&2
    exit 1
fi
echo "agent-runner starts, and names what is missing"
