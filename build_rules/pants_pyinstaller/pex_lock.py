"""Pex's JSON lockfiles, as `pants generate-lockfiles` writes them: what one of them says for one target.

Pex exports a lock for the Python that runs Pex. A freeze needs it for the interpreter and the platform
of the executable, so the lock's requirements are followed here, with their environment markers
evaluated for these.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pants_pyinstaller.platforms import Platform

# Pants shows every warning, and the packaging of its older lines calls deprecated names of pyparsing.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from packaging.markers import Marker
    from packaging.requirements import InvalidRequirement, Requirement


class LockError(ValueError):
    """A lock that does not say what to install for the target; its text says what to do."""


@dataclass(frozen=True)
class Pin:
    """One distribution: its `hashes` as `algorithm:hex`, and whether the lock has a wheel of it at all."""

    name: str
    version: str
    hashes: tuple[str, ...]
    has_wheel: bool

    def requirement(self) -> str:
        """As in a requirements file."""
        hashes = "".join(f" \\\n    --hash={value}" for value in self.hashes)
        return f"{self.name}=={self.version}{hashes}\n"


def is_pex_lock(text: str) -> bool:
    """Whether a lockfile is Pex's; Pants puts comments in front of its JSON."""
    return next((line for line in _without_comments(text) if line.strip()), "").startswith("{")


def marker_environment(platform: Platform, python_version: str) -> dict[str, str]:
    """The variables of environment markers for CPython `python_version`, such as 3.13.5, on `platform`."""
    return {
        **platform.markers,
        "implementation_name": "cpython",
        "implementation_version": python_version,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
        "python_full_version": python_version,
        "python_version": ".".join(python_version.split(".")[:2]),
    }


def pins(text: str, environment: Mapping[str, str]) -> list[Pin]:
    """What a Pex lock pins for `environment`, sorted by name: no more than pip would install.

    Raises LockError if the lock has no resolve for the environment, or lacks a distribution that its
    requirements ask for.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _pins(text, environment)


def _pins(text: str, environment: Mapping[str, str]) -> list[Pin]:
    lock = json.loads("\n".join(_without_comments(text)))
    excluded = {_project(text) for text in lock.get("excluded", ())}
    overridden = {_project(text): text for text in lock.get("overridden", ())}
    locked = _locked(lock, environment)
    found: dict[str, Pin] = {}
    wanted: list[tuple[str, str, tuple[str, ...]]] = [
        (text, "the lock's own requirements", ()) for text in lock["requirements"]
    ]
    done: set[tuple[str, str]] = set()
    while wanted:
        text, origin, extras_of_origin = wanted.pop()
        requirement = _requirement(overridden.get(_project(text), text))
        name = canonicalize_name(requirement.name)
        if name in excluded or not _applies(requirement.marker, environment, extras_of_origin):
            continue
        if name not in locked:
            raise LockError(
                f"it lacks {name}, which {origin} need for Python "
                f"{environment['python_full_version']} on {environment['sys_platform']}"
            )
        entry = locked[name]
        found[name] = _pin(name, entry)
        # The base is a requirement too: a second reference may add an extra and nothing else.
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in done:
                done.add((name, extra))
                extras = (extra,) if extra else ()
                wanted += [(needed, name, extras) for needed in entry["requires_dists"]]
    return [found[name] for name in sorted(found)]


def _without_comments(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if not line.lstrip().startswith("//"))


def _requirement(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise LockError(
            f"it asks for {text!r}, which is not a named requirement: {error}"
        ) from None


def _project(text: str) -> str:
    return canonicalize_name(_requirement(text).name)


def _applies(marker: Marker | None, environment: Mapping[str, str], extras: Iterable[str]) -> bool:
    if marker is None:
        return True
    # Metadata spells an extra as its author did or normalised; the marker compares text.
    spellings = {"", *extras, *(canonicalize_name(extra) for extra in extras)}
    return any(marker.evaluate({**environment, "extra": extra}) for extra in spellings)


def _locked(
    lock: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    """The entries of the lock's resolve for the environment, by normalised name."""
    resolves = [
        resolve
        for resolve in lock["locked_resolves"]
        if _applies(_marker(resolve), environment, ())
    ]
    if len(resolves) != 1:
        raise LockError(
            f"it holds {len(resolves)} resolves for this target, each for another platform or Python. "
            "Make one that serves all: `pants generate-lockfiles` does, as `pex lock create --style universal`"
        )
    found: dict[str, Mapping[str, Any]] = {}
    for entry in resolves[0]["locked_requirements"]:
        requires = SpecifierSet(entry.get("requires_python") or "")
        if requires.contains(environment["python_full_version"], prereleases=True):
            found[canonicalize_name(entry["project_name"])] = entry
    return found


def _marker(resolve: Mapping[str, Any]) -> Marker | None:
    return Marker(resolve["marker"]) if resolve.get("marker") else None


def _pin(name: str, entry: Mapping[str, Any]) -> Pin:
    artifacts = entry["artifacts"]
    urls = [artifact["url"] for artifact in artifacts]
    if any(url.startswith("git+") or "://" not in url for url in urls):
        raise LockError(
            f"it pins {name} to {urls[0]}, which is not a file of an index: publish a wheel of it"
        )
    return Pin(
        name,
        entry["version"],
        tuple(sorted(f"{one['algorithm']}:{one['hash']}" for one in artifacts)),
        any(url.partition("#")[0].endswith(".whl") for url in urls),
    )
