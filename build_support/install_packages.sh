#!/bin/sh
# Installs Debian packages, named in one word or in several, on a machine that has apt.
#   install_packages.sh "wine wine64" gh
set -eu

command -v apt-get >/dev/null || { echo "install $*: this machine has no apt-get" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
retry="-o Acquire::Retries=3"
# shellcheck disable=SC2086
$as_root apt-get update -qq $retry
# Each word is a package. sudo passes no variables on, hence env.
# shellcheck disable=SC2048,SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $retry $*
