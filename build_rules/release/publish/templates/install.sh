#!/bin/sh
# Installs @PROGRAM@ @VERSION@ for one user; no other software is needed but curl or wget, and tar.
#
#   sh install.sh               install it, or upgrade what is installed
#   sh install.sh --uninstall   remove it
#
# Variables:
#   @VARIABLE@_PREFIX     where it goes: PREFIX/bin; default ~/.local
#   @VARIABLE@_DOWNLOADS  URL of the folder that holds the archives, for a mirror; default
#                         @DOWNLOADS@
#
# What is downloaded is checked against the SHA-256 that stands below, and takes the place of an
# older version in one step: an interrupted run changes nothing.
set -eu

program='@PROGRAM@'
version='@VERSION@'
prefix=${@VARIABLE@_PREFIX:-${HOME:?set HOME or @VARIABLE@_PREFIX}/.local}
downloads=${@VARIABLE@_DOWNLOADS:-@DOWNLOADS@}
work=

# The archive of a platform, its digest, and the oldest C library that it runs with (- : any).
describe_platform() {
    case $1 in
@PLATFORMS@
        *) return 1 ;;
    esac
}

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "install.sh" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

detect_platform() {
    system=$(uname -s)
    machine=$(uname -m)
    case $system in
        Linux) system=linux ;;
        Darwin) system=darwin ;;
        *) fail "there is no $program for $system; on Windows use install.ps1" ;;
    esac
    case $machine in
        x86_64 | amd64) machine=amd64 ;;
        aarch64 | arm64) machine=arm64 ;;
        *) fail "there is no $program for a processor $machine" ;;
    esac
    # A shell that Rosetta translates sees an Intel processor.
    if [ "$system" = darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || echo 0)" = 1 ]; then
        machine=arm64
    fi
    platform=$system-$machine
}

# The C library of a Linux system as `glibc 2.36` or `musl`; nothing where it can't be found out.
detect_libc() {
    getconf GNU_LIBC_VERSION 2>/dev/null && return 0
    if have ldd && ldd --version 2>&1 | grep -qi musl; then say musl; fi
    return 0
}

# Whether version $1 is at least $2; both are MAJOR.MINOR.
at_least() {
    [ "${1%%.*}" -gt "${2%%.*}" ] && return 0
    [ "${1%%.*}" -eq "${2%%.*}" ] || return 1
    mine=${1#*.}
    wanted=${2#*.}
    [ "${mine%%.*}" -ge "${wanted%%.*}" ]
}

check_libc() {
    [ "$system" = linux ] || return 0
    libc=$(detect_libc)
    case $libc in
        musl) fail "$program needs glibc, and this system has musl: use a distribution with glibc, for example in a container" ;;
        glibc*)
            [ "$floor" = - ] && return 0
            at_least "${libc#glibc }" "$floor" ||
                fail "$program needs glibc $floor, and this system has ${libc#glibc }: use a newer distribution"
            ;;
    esac
    return 0
}

download() {
    if have curl; then
        curl --fail --silent --show-error --location --retry 3 --output "$2" "$1"
    elif have wget; then
        wget --quiet --output-document="$2" "$1"
    else
        fail "neither curl nor wget is here: install one of them"
    fi || fail "$1 could not be downloaded: check the network, or set @VARIABLE@_DOWNLOADS to a mirror"
}

digest_of() {
    if have sha256sum; then
        sha256sum "$1"
    elif have shasum; then
        shasum -a 256 "$1"
    elif have openssl; then
        openssl dgst -sha256 -r "$1"
    else
        fail "none of sha256sum, shasum and openssl is here, so the download can't be checked"
    fi | cut -d ' ' -f 1
}

# The version that is installed; nothing where none is, or where it can't be started.
installed_version() {
    [ -x "$target" ] || return 0
    "$target" --version 2>/dev/null | sed -n "1s/^$program //p"
}

clean_up() {
    status=$?
    [ -z "$work" ] || rm -rf "$work"
    exit "$status"
}

install_program() {
    detect_platform
    describe_platform "$platform" || fail "$program $version is not published for $platform"
    check_libc
    before=$(installed_version)
    if [ "$before" = "$version" ]; then
        say "$program $version is installed already: $target"
        return 0
    fi

    mkdir -p "$prefix/bin" "$documents" || fail "$prefix can't be written: set @VARIABLE@_PREFIX"
    # Beside its target, so that the last step is a rename.
    trap clean_up EXIT
    trap 'exit 130' HUP INT TERM
    work=$(mktemp -d "$prefix/bin/.$program.XXXXXX") || fail "$prefix/bin can't be written: set @VARIABLE@_PREFIX"
    say "downloading $downloads/$archive"
    download "$downloads/$archive" "$work/$archive"
    found=$(digest_of "$work/$archive")
    [ "$found" = "$sha256" ] ||
        fail "$archive is damaged or is another file: its SHA-256 is $found, not $sha256; nothing was changed"
    tar -xzf "$work/$archive" -C "$work" || fail "$archive could not be unpacked; nothing was changed"
    chmod 755 "$work/$program"
    "$work/$program" --version >/dev/null ||
        fail "$program $version does not start on this system (see above); nothing was changed"
    mv -f "$work/@NOTICES@" "$documents/@NOTICES@"
    mv -f "$work/$program" "$target"

    if [ -n "$before" ]; then say "upgraded $program from $before to $version: $target"; else say "installed $program $version: $target"; fi
    case :$PATH: in
        *:"$prefix/bin":*) ;;
        *) say "$prefix/bin is not on your PATH; add to your shell's profile: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
}

uninstall_program() {
    if [ ! -e "$target" ]; then
        say "$program is not installed in $prefix"
        return 0
    fi
    rm -f "$target" "$documents/@NOTICES@"
    rmdir "$documents" 2>/dev/null || true
    say "removed $target"
}

# The last line calls this: a download that breaks off runs nothing.
main() {
    target=$prefix/bin/$program
    documents=$prefix/share/doc/$program
    case ${1:-} in
        '') install_program ;;
        --uninstall) uninstall_program ;;
        *)
            printf 'usage: sh install.sh [--uninstall]\n' >&2
            exit 2
            ;;
    esac
}

main "$@"
