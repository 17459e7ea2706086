"""The Debian mirrors that this machine's own apt knows, and downloads by apt's own program.

So the machine's proxies, credentials and certificates apply, and no host stands in the repository.
Standard library only; runs on any Debian or Ubuntu with apt.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

_HELPER = "/usr/lib/apt/apt-helper"
# Without it apt would download as a user who may not write to a build's directory.
_AS_CALLER = ("-o", "APT::Sandbox::User=")


class MirrorError(Exception):
    """apt can't do what it is asked for; the text says what to do."""


def mirrors(given: str = "") -> list[str]:
    """Base addresses (without `/dists/...`), in the order of apt's sources.

    `given` is the one that a person named; apt isn't asked then. Raises MirrorError when there is
    no apt or it has no source.
    """
    if given:
        return [given.rstrip("/")]
    with tempfile.TemporaryDirectory() as lists:
        Path(lists, "partial").mkdir()
        command = ["apt-get", "-o", f"Dir::State::lists={lists}", "--print-uris", "update"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise MirrorError(
                "there is no apt-get on this machine, and it knows Debian's mirrors. Build on "
                "Debian or Ubuntu."
            ) from None
    found = dict.fromkeys(
        line.split("'")[1].partition("/dists/")[0]
        for line in done.stdout.splitlines()
        if line.startswith("'") and "/dists/" in line
    )
    if not found:
        raise MirrorError(
            "apt has no source of packages on this machine "
            f"(`apt-get --print-uris update`: {done.stderr.strip() or 'nothing'}). Name a Debian "
            "mirror in [pyinstaller].debian_mirror."
        )
    return list(found)


def download(base: str, files: Iterable[tuple[str, Path, str]]) -> str:
    """Download (path below `base`, destination, SHA-256) by apt; returns what apt said.

    A file whose content is another one, or that isn't there, is left out: look at the
    destinations.
    """
    arguments: list[str] = []
    for path, destination, sha256 in files:
        arguments += [f"{base}/{path}", str(destination), f"SHA256:{sha256}"]
    try:
        done = subprocess.run(
            [_HELPER, *_AS_CALLER, "download-file", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise MirrorError(f"there is no {_HELPER}: the Debian package `apt` has it") from None
    return done.stdout
