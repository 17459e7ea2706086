#!/bin/sh
# Installs Debian packages, named in one word or in several, on a machine that has apt.
#   install_packages.sh "wine wine64" gh
set -eu

command -v apt-get >/dev/null || { echo "install $*: this machine has no apt-get" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
$as_root apt-get update -qq
# Each word is a package.
# shellcheck disable=SC2048,SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq --no-install-recommends $*
