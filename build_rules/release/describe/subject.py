"""What is described: an archive, what its executables' packagers say, and what it was made from.

The rules (`release.rules.description`) write it as JSON; its dataclasses are the document's form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from release.manifest import Distribution, HostLibrary, Interpreter, Manifest

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Executable:
    path: str
    sha256: str | None
    manifest: Manifest | None

    @property
    def interpreter(self) -> Interpreter | None:
        return self.manifest.interpreter if self.manifest else None

    @property
    def distributions(self) -> tuple[Distribution, ...]:
        return self.manifest.distributions if self.manifest else ()

    @property
    def host_libraries(self) -> tuple[HostLibrary, ...]:
        """Those of the system and those of the interpreter."""
        if self.manifest is None:
            return ()
        interpreter = self.manifest.interpreter
        return self.manifest.host_libraries + (interpreter.libraries if interpreter else ())


@dataclass(frozen=True)
class Archive:
    name: str
    sha256: str


@dataclass(frozen=True)
class Material:
    """A file of the repository that decides what comes out; `path` from its root."""

    path: str
    sha256: str


def key(distribution: Distribution) -> tuple[str, str]:
    """Its normalized name, and its version."""
    return canonicalize_name(distribution.name), distribution.version


@dataclass(frozen=True)
class Subject:
    """What is described: the evidence's fields, and what only the build knows.

    target      address of the archive's target
    materials   files of the repository from which the archive was made
    tools       versions of the tools that made it, by name
    """

    program: str
    version: str
    platform: str
    commit: str | None
    source_date_epoch: int
    archive: Archive
    executables: tuple[Executable, ...]
    target: str
    materials: tuple[Material, ...]
    tools: dict[str, str]

    def distributions(self) -> list[Distribution]:
        """Every distribution of every executable, once, sorted by name."""
        found = {key(d): d for e in self.executables for d in e.distributions}
        return [found[name] for name in sorted(found)]

    def host_libraries(self) -> list[HostLibrary]:
        found = {(h.name, h.sha256 or ""): h for e in self.executables for h in e.host_libraries}
        return [found[name] for name in sorted(found)]

    def interpreters(self) -> list[Interpreter]:
        found = {(i.version, i.sha256 or ""): i for e in self.executables if (i := e.interpreter)}
        return [found[name] for name in sorted(found)]


@dataclass(frozen=True)
class Outputs:
    """Paths of the files to write."""

    sbom: str
    provenance: str


@dataclass(frozen=True)
class Specification(Subject):
    """What the rules ask for; `policy` is the path of the licence policy."""

    policy: str | None
    outputs: Outputs


@dataclass(frozen=True)
class LockedFiles:
    """The digests of a version's files (wheels, source) in a lockfile; one of them was installed."""

    lockfile: str
    sha256: tuple[str, ...]


def _pins(text: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
        match = _PIN.match(line)
        if match is not None:
            yield (canonicalize_name(match["name"]), match["version"]), tuple(_HASH.findall(line))


def locked_files(locks: Sequence[Path]) -> dict[tuple[str, str], LockedFiles]:
    """What lockfiles (requirements with hashes) pin, by normalized name and version.

    Where two locks pin the same version, the first one counts.
    """
    found: dict[tuple[str, str], LockedFiles] = {}
    for lock in locks:
        for key, hashes in _pins(lock.read_text(encoding="utf-8")):
            found.setdefault(key, LockedFiles(lock.as_posix(), hashes))
    return found
