"""The platforms of a release and the names of its files. The Pants rules (Python 3.9) and the
release program (3.13) share this data, so it uses only the standard library.

A platform is written `OS-ARCH` with Go's names for both (`linux-amd64`), as in the names of
released files.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass

VERSION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A valid version: it becomes part of file names, URLs and Git tags."""

CHECKSUM_SUFFIX = ".sha256"

DEFAULT_SOURCE_DATE_EPOCH = 315532800
"""1980-01-01T00:00:00Z, the earliest time that a ZIP file can express."""


@dataclass(frozen=True)
class OperatingSystem:
    """How command-line programs are packed for an operating system."""

    name: str
    archive_format: str
    executable_suffix: str
    executable_format: str


@dataclass(frozen=True)
class Platform:
    """A platform that an archive can be for."""

    os: OperatingSystem
    arch: str

    @property
    def name(self) -> str:
        return f"{self.os.name}-{self.arch}"

    @property
    def archive_format(self) -> str:
        """The ending of its archives, without the leading dot."""
        return self.os.archive_format

    def executable_name(self, base: str) -> str:
        return base + self.os.executable_suffix

    def __str__(self) -> str:
        return self.name


_SYSTEMS = (
    OperatingSystem("darwin", "tar.gz", "", "Mach-O"),
    OperatingSystem("linux", "tar.gz", "", "ELF"),
    OperatingSystem("windows", "zip", ".exe", "PE"),
)
_ARCHITECTURES = ("amd64", "arm64")

PLATFORMS = {
    known.name: known
    for known in (Platform(system, arch) for system in _SYSTEMS for arch in _ARCHITECTURES)
}
"""Every platform that an archive can be named for, by name."""

RELEASE_PLATFORMS = tuple(
    PLATFORMS[name]
    for name in ("darwin-arm64", "darwin-amd64", "linux-amd64", "linux-arm64", "windows-amd64")
)
"""The platforms of a release: each has an archive and a checksum."""

PANTS_PLATFORMS = {
    "linux_arm64": PLATFORMS["linux-arm64"],
    "linux_x86_64": PLATFORMS["linux-amd64"],
    "macos_arm64": PLATFORMS["darwin-arm64"],
    "macos_x86_64": PLATFORMS["darwin-amd64"],
}
"""Pants' names for the platforms that it runs on (`pants.engine.platform.Platform` values)."""


def host_platform_name() -> str:
    """The platform that this program runs on, as archives are named."""
    systems = {"Linux": "linux", "Darwin": "darwin", "Windows": "windows"}
    machines = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "ARM64": "arm64"}
    system, machine = platform.system(), platform.machine()
    return f"{systems.get(system, system)}-{machines.get(machine, machine)}"


def version_problem(version: str) -> str | None:
    """Return why a version cannot name a release, or None if it can."""
    if VERSION_PATTERN.fullmatch(version):
        return None
    if not version:
        return "is empty"
    if "/" in version or "\\" in version:
        return f"is {version!r}, and a file name cannot contain a slash"
    if version != "".join(version.split()):
        return f"is {version!r}, and it cannot contain white space"
    return (
        f"is {version!r}, but it names files and URLs: it must start with a letter or a digit, "
        "go on with letters, digits, `.`, `_` and `-`, and have at most 100 characters"
    )


def archive_name(program: str, version: str, platform: Platform) -> str:
    """The base name of a program's archive, e.g. `agent-runner-dev-linux-amd64.tar.gz`."""
    return f"{program}-{version}-{platform.name}.{platform.archive_format}"


def checksum_line(sha256: str, archive: str) -> str:
    """An archive's checksum file, one line for `sha256sum -c` and `shasum -c`.

    Two spaces mean binary mode. The name has no folder, so the check works wherever both files were
    downloaded to. The line ends in LF on every platform, because `shasum -c` takes a CR for part of
    the name.
    """
    return f"{sha256}  {archive}\n"
