#!/bin/sh
# Puts Pants' own launcher, `pants`, into a folder: it starts the release that a repository's pants.toml names.
#   GH_TOKEN=... install_pants_launcher.sh FOLDER
set -eu

folder=${1:?the folder for the launcher}
command -v gh >/dev/null || { echo "install_pants_launcher: gh is not on PATH; it downloads the release" >&2; exit 1; }
case "$(uname -s)" in
    Linux) system=linux ;;
    Darwin) system=macos ;;
    *) echo "install_pants_launcher: there is no launcher for $(uname -s)" >&2; exit 1 ;;
esac
case "$(uname -m)" in
    aarch64 | arm64) machine=aarch64 ;;
    *) machine=x86_64 ;;
esac
name=scie-pants-$system-$machine
mkdir -p "$folder"
cd "$folder"
gh release download --repo pantsbuild/scie-pants --pattern "$name" --pattern "$name.sha256" --clobber
if command -v sha256sum >/dev/null; then sha256sum --check "$name.sha256"; else shasum -a 256 --check "$name.sha256"; fi
chmod +x "$name"
mv "$name" pants
rm "$name.sha256"
