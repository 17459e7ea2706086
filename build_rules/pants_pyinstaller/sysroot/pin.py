"""Pins the Debian packages of the sysroots again, to what a mirror has now.

    ./pants run build_rules/pants_pyinstaller/sysroot/pin.py -- [--mirror ADDRESS]

Debian's mirrors drop a package's file when a newer one supersedes it. This asks the machine's own
apt, with its own configuration (nothing of the machine's packages is read or changed) and
Debian's signatures checked, and rewrites the pins beside this file. No address is written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pants_pyinstaller.sysroot.mirrors import MirrorError, mirrors

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SYSROOT = (
    # The C library and its tools; bash, since ldd is a script.
    *("libc6", "libc-bin", "bash", "libtinfo6", "libgcc-s1", "libstdc++6"),
    # Python and what its modules load.
    *("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib", "libpython3.13"),
    *("zlib1g", "libssl3t64", "libexpat1", "libzstd1", "libbz2-1.0", "libffi8", "liblzma5"),
    *("libsqlite3-0", "libuuid1", "libreadline8t64", "libncursesw6"),
    # objdump, objcopy and strip. Without libctf0 objdump fails, and PyInstaller says nothing.
    *("binutils", "binutils-common", "binutils-aarch64-linux-gnu", "libbinutils", "libsframe1"),
    *("libctf0", "libjansson4"),
    # dpkg-query says which package a bundled library is from.
    *("dpkg", "libmd0"),
)
BARE = ("libc6", "zlib1g")
"""All that an executable for Linux may expect of a machine."""

PINS = {
    "arm64": ("arm64", SYSROOT),
    "bare-amd64": ("amd64", BARE),
    "bare-arm64": ("arm64", BARE),
}
"""Name of the file -> architecture and packages."""


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MirrorError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    return done.stdout


def fields(record: str) -> dict[str, str]:
    """The one-line fields of a package's record."""
    lines = [line for line in record.split("\n\n")[0].splitlines() if not line.startswith(" ")]
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def pins(architecture: str, names: Iterable[str], bases: list[str]) -> list[dict[str, str]]:
    """What the mirrors have now, one dictionary a package."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("etc/apt.conf.d", "etc/preferences.d", "state/lists/partial", "cache"):
            (root / name).mkdir(parents=True)
        (root / "status").touch()
        (root / "etc/sources.list").write_text(
            "".join(
                f"deb [arch={architecture} signed-by={KEYRING}] {base} {SUITE} main\n"
                for base in bases
            )
        )
        configuration = root / "apt.conf"
        configuration.write_text(
            f'APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};\n'
            f'Dir "{root}/"; Dir::Etc "{root}/etc"; Dir::State "{root}/state";\n'
            f'Dir::State::status "{root}/status"; Dir::Cache "{root}/cache";\n'
            'APT::Sandbox::User ""; Acquire::Languages "none";\n'
        )
        environment = {**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C.UTF-8"}
        _run(["apt-get", "-qq", "update"], environment)
        found = []
        for name in names:
            record = fields(_run(["apt-cache", "show", "--no-all-versions", name], environment))
            found.append(
                {
                    "name": name,
                    "version": record["Version"],
                    "path": record["Filename"],
                    "sha256": record["SHA256"],
                }
            )
    return found


def debian_mirrors(given: str) -> list[str]:
    """Those of the machine's mirrors that have SUITE: its others (security, vendors) do not."""
    bases = [base for base in mirrors(given) if base == given or base.endswith("/debian")]
    if not bases:
        raise MirrorError("apt knows no Debian mirror on this machine. Name one with --mirror.")
    return bases


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mirror", default="", help="base address of a Debian mirror")
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parent
    try:
        bases = debian_mirrors(arguments.mirror.rstrip("/"))
        for stem, (architecture, names) in PINS.items():
            path = here / f"{stem}.json"
            text = format_pins(architecture, pins(architecture, names, bases))
            old = path.read_text() if path.exists() else ""
            partial = path.with_suffix(".partial")
            partial.write_text(text)
            partial.replace(path)
            print(f"{path.name}: {'as before' if text == old else 'changed'}")
    except MirrorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def format_pins(architecture: str, packages: list[dict[str, str]]) -> str:
    """JSON with a line for each package, so that a change is a line of a diff."""
    lines = ",\n".join(f"  {json.dumps(package)}" for package in packages)
    head = json.dumps({"suite": SUITE, "architecture": architecture})[:-1]
    return f'{head},\n "packages": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    sys.exit(main())
