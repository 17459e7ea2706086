"""What a packager says about its executable: the one model of `EXECUTABLE.manifest.json`.

Any packager can write the file; everything but `schema` may be missing, and other fields are
ignored. The Pants rules name archives by it (on Python 3.9), `release.describe` makes the bill of
materials and the provenance from it, and the release program finds it in the evidence
(`release.evidence`): so this module uses the standard library alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

SCHEMA = 1

_VERSION = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Floor:
    """The oldest system that an executable runs on: `glibc 2.36`, `macOS 11.0`, `Windows 6.0`."""

    system: str
    version: str

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise ValueError(f"has the version {self.version!r}: it must be numbers, like 2.36")

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    def __str__(self) -> str:
        return f"{self.system} {self.version}"


@dataclass(frozen=True)
class Distribution:
    """A distribution inside the executable.

    license              what its metadata says, in its author's words
    license_expression   the same as an SPDX expression, where the metadata has one
    requires             its requirements, as the metadata writes them
    size                 in bytes, where the packager knows its share
    """

    name: str
    version: str
    license: Optional[str] = None
    license_expression: Optional[str] = None
    requires: tuple[str, ...] = ()
    size: Optional[int] = None
    sha256: Optional[str] = None

    @property
    def stated_license(self) -> Optional[str]:
        return self.license_expression or self.license


@dataclass(frozen=True)
class HostLibrary:
    """A library that the lock did not bring; `package` is the system's, or the project that it comes from.

    license: where the packager states it: for libraries that came with the interpreter.
    """

    name: str
    package: Optional[str] = None
    version: Optional[str] = None
    sha256: Optional[str] = None
    license: Optional[str] = None


@dataclass(frozen=True)
class Interpreter:
    """`sha256` is over the interpreter's content, not over one file."""

    version: str
    implementation: str = "CPython"
    sha256: Optional[str] = None
    libraries: tuple[HostLibrary, ...] = ()


@dataclass(frozen=True)
class ExecutableFile:
    sha256: Optional[str] = None


@dataclass(frozen=True)
class BuildInfo:
    """What the program says about itself."""

    version: Optional[str] = None
    commit: Optional[str] = None


DEFERRED = "deferred"
"""The state of a proof that a machine of the executable's platform has to deliver."""


@dataclass(frozen=True)
class Proof:
    """Whether the executable was proved where it was built; `content` stands for what it holds."""

    state: str
    content: Optional[str] = None


@dataclass(frozen=True)
class Manifest:
    """`platform` is the one that the executable is for, as `OS-ARCH`; sizes in bytes."""

    schema: int
    platform: Optional[str] = None
    executable: ExecutableFile = ExecutableFile()
    interpreter: Optional[Interpreter] = None
    pyinstaller: Optional[str] = None
    distributions: tuple[Distribution, ...] = ()
    host_libraries: tuple[HostLibrary, ...] = ()
    build_info: BuildInfo = BuildInfo()
    floor: Optional[Floor] = None
    unpacked_size: Optional[int] = None
    proof: Optional[Proof] = None

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"the schema is {self.schema}, but only {SCHEMA} is known here")
