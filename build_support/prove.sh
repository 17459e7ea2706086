#!/bin/sh
# Run a proof kit on this machine, in a user's surroundings, and keep its report as the release wants it:
#
#     build_support/prove.sh KIT REPORT
#
# KIT is the executable NAME-proof that a build left for this machine's platform; REPORT the file to write, for a release
# dist/evidence/PROGRAM-VERSION-OS-ARCH.proof.json. Exit codes: 0 proved; 1 something differs; 2 the kit does not run.
set -eu

if [ $# -ne 2 ] || [ ! -f "$1" ]; then
  echo "usage: prove.sh KIT REPORT" >&2
  exit 2
fi
kit=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
mkdir -p "$(dirname "$2")"
report=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
chmod +x "$kit"
cd "$home"
code=0
env -i HOME="$home" TMPDIR="$home" TEMP="$home" TMP="$home" SYSTEMROOT="${SYSTEMROOT:-}" \
  PROCESSOR_ARCHITECTURE="${PROCESSOR_ARCHITECTURE:-}" LANG=C.UTF-8 \
  PATH="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" "$kit" "$report" || code=$?
exit "$code"
