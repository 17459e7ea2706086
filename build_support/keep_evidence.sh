#!/bin/sh
# Keeps what `./pants package ::` left in dist/evidence, and what the executable holds, in the given directory: pull
# requests are compared with them.
#   keep_evidence.sh dist/evidence-of-main backend/services/agent-runner:agent-runner
set -eu
cd "$(dirname "$0")/.."
kept=${1:?usage: keep_evidence.sh DIRECTORY TARGET}
target=${2:?usage: keep_evidence.sh DIRECTORY TARGET}

rm -rf "$kept"
cp -R dist/evidence "$kept"
./pants explain-binary --document "$target"
mkdir "$kept/inside"
folder=$(echo "${target%:*}" | tr / .)
cp "dist/$folder/${target#*:}.explanation.json" "$kept/inside/explanation.json"
