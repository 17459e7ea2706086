"""What is described: the archive, what its executables' packagers say, and what it was made from.

The rules write one JSON file of this form:

    program, version, platform   as in the archive's name
    commit                       hexadecimal, or null
    source_date_epoch            seconds since 1970-01-01T00:00:00Z
    target                       address of the archive's target
    archive                      {"name", "sha256", "size"}
    executables                  list of {"path", "sha256", "manifest"}, as in the evidence
    materials                    list of {"path", "sha256"}: files of the repository
    tools                        {name: version}
    policy                       path of the licence policy, or null
    outputs                      {"sbom": path, "provenance": path}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Distribution:
    """A distribution inside; `license` is what its metadata says, in its author's words."""

    name: str
    version: str
    license: str | None
    requires: tuple[str, ...]
    sha256: str | None

    @property
    def key(self) -> tuple[str, str]:
        return canonicalize_name(self.name), self.version


@dataclass(frozen=True)
class HostLibrary:
    """A library that the lock did not bring; `package` is the system's, or the project that it comes from.

    license: where the packager states it: for libraries that came with the interpreter.
    """

    name: str
    package: str | None
    version: str | None
    sha256: str | None
    license: str | None = None


@dataclass(frozen=True)
class Interpreter:
    """`sha256` is over the interpreter's content, not over one file."""

    implementation: str
    version: str
    sha256: str | None


@dataclass(frozen=True)
class Executable:
    path: str
    sha256: str | None
    pyinstaller: str | None
    interpreter: Interpreter | None
    distributions: tuple[Distribution, ...]
    host_libraries: tuple[HostLibrary, ...]


@dataclass(frozen=True)
class Material:
    """A file of the repository that decides what comes out; `path` from its root."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Subject:
    program: str
    version: str
    platform: str
    commit: str | None
    source_date_epoch: int
    target: str
    archive_name: str
    archive_sha256: str
    executables: tuple[Executable, ...]
    materials: tuple[Material, ...]
    tools: Mapping[str, str]

    def distributions(self) -> list[Distribution]:
        """Every distribution of every executable, once, sorted by name."""
        found = {d.key: d for e in self.executables for d in e.distributions}
        return [found[key] for key in sorted(found)]

    def host_libraries(self) -> list[HostLibrary]:
        found = {(h.name, h.sha256 or ""): h for e in self.executables for h in e.host_libraries}
        return [found[key] for key in sorted(found)]

    def interpreters(self) -> list[Interpreter]:
        found = {(i.version, i.sha256 or ""): i for e in self.executables if (i := e.interpreter)}
        return [found[key] for key in sorted(found)]


def _executable(data: Mapping[str, Any]) -> Executable:
    manifest = data["manifest"] or {}
    interpreter = manifest.get("interpreter")
    return Executable(
        path=data["path"],
        sha256=data["sha256"],
        pyinstaller=manifest.get("pyinstaller"),
        interpreter=interpreter
        and Interpreter(
            interpreter.get("implementation", "CPython"),
            interpreter["version"],
            interpreter.get("sha256"),
        ),
        distributions=tuple(
            Distribution(
                item["name"],
                item["version"],
                item.get("license_expression") or item.get("license"),
                tuple(item.get("requires", ())),
                item.get("sha256"),
            )
            for item in manifest.get("distributions", ())
        ),
        host_libraries=tuple(
            HostLibrary(
                item["name"],
                item.get("package"),
                item.get("version"),
                item.get("sha256"),
                item.get("license"),
            )
            for item in (
                *manifest.get("host_libraries", ()),
                *((interpreter or {}).get("libraries") or ()),
            )
        ),
    )


def parse_subject(data: Mapping[str, Any]) -> Subject:
    return Subject(
        program=data["program"],
        version=data["version"],
        platform=data["platform"],
        commit=data["commit"],
        source_date_epoch=data["source_date_epoch"],
        target=data["target"],
        archive_name=data["archive"]["name"],
        archive_sha256=data["archive"]["sha256"],
        executables=tuple(_executable(item) for item in data["executables"]),
        materials=tuple(Material(item["path"], item["sha256"]) for item in data["materials"]),
        tools=data["tools"],
    )


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
