"""A resolve's lockfile, of whichever format, as the requirements that one freeze installs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.subsystems.setup import PythonSetup
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent, PathGlobs
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.docutil import bin_name

from pants_pyinstaller import pex_lock
from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.own_files import LOCKS, OwnFiles
from pants_pyinstaller.toolchain import Toolchain

PYINSTALLER = "PyInstaller"
"""The name of the lockfile that this package holds, for a tool that has no resolve."""

_PACKAGED = {PYINSTALLER: f"{LOCKS}/pyinstaller.lock"}
_PATH = "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\]\s*)?==", re.MULTILINE)
_HASH = "--hash="


@dataclass(frozen=True)
class RequirementsRequest:
    """What the lockfile of `resolve`, or the packaged one of that name, pins for `toolchain`.

    required: whether the program names a third-party requirement. One that names none may have no
    lockfile at all.
    """

    resolve: str
    toolchain: Toolchain
    required: bool = True


@dataclass(frozen=True)
class Requirements:
    """A requirements file with hashes: `path` in `digest`.

    names        of the distributions in it
    without_wheel  those of which the lock is known to have no wheel for any platform
    """

    digest: Digest
    path: str
    names: tuple[str, ...]
    without_wheel: tuple[str, ...] = ()


_RESOLVES_OFF = (
    "The program has third-party requirements, and a freeze takes these from a lockfile, but "
    "[python].enable_resolves is off. Write `enable_resolves = true` in the section [python] of "
    "pants.toml, then run `{pants} generate-lockfiles`."
)


# Pants looks for the Gets of a rule above it.
async def _requirements(text: str, without_wheel: tuple[str, ...] = ()) -> Requirements:
    digest = await Get(Digest, CreateDigest([FileContent(_PATH, text.encode())]))
    return Requirements(digest, _PATH, pinned(text), without_wheel)


def pinned(text: str) -> tuple[str, ...]:
    """The names that a requirements file pins, sorted."""
    return tuple(sorted(set(_PINNED.findall(text))))


@rule
async def find_requirements(
    request: RequirementsRequest, python_setup: PythonSetup, own: OwnFiles
) -> Requirements:
    resolve = request.resolve
    packaged = _PACKAGED.get(resolve)
    if packaged:
        subset = await Get(DigestContents, Digest, own.digest)
        text = next(file.content for file in subset if file.path == packaged).decode()
        path = f"this backend's {packaged}"
    else:
        if not python_setup.enable_resolves:
            if request.required:
                raise FreezeError(_RESOLVES_OFF.format(pants=bin_name()))
            return await _requirements("")
        if resolve not in python_setup.resolves:
            raise FreezeError(
                f"[python].resolves has no resolve {resolve!r} "
                f"(it has: {', '.join(sorted(python_setup.resolves))}). Add its lockfile there, or "
                "correct the name in `resolve` or [pyinstaller].install_from_resolve."
            )
        path = python_setup.resolves[resolve]
        found = await Get(DigestContents, PathGlobs([path]))
        if not found:
            if request.required:
                raise FreezeError(
                    f"The lockfile {path} of the resolve `{resolve}` does not exist. Make it: "
                    f"{bin_name()} generate-lockfiles --resolve={resolve}"
                )
            return await _requirements("")
        text = found[0].content.decode()
    if text.lstrip().startswith("version = ") and "[[package]]" in text:
        raise FreezeError(
            f"{path} is a lockfile of uv's own format, which is not read here. Export it as "
            "requirements with hashes (`uv export --format requirements-txt`) or set "
            f"[python].resolver to pex, and name that file in [python].resolves for `{resolve}`."
        )
    if not pex_lock.is_pex_lock(text):
        return await _requirements(text)
    toolchain = request.toolchain
    environment = pex_lock.marker_environment(toolchain.platform, toolchain.version)
    try:
        pins = pex_lock.pins(text, environment)
    except pex_lock.LockError as error:
        raise FreezeError(
            f"The lockfile {path} of the resolve `{resolve}` can't be installed: {error}. If it is "
            f"older than its requirements, make it again: {bin_name()} generate-lockfiles "
            f"--resolve={resolve}. Its interpreter constraints have to allow Python {toolchain.version}."
        ) from None
    return await _requirements(
        "".join(pin.requirement() for pin in pins),
        tuple(pin.name for pin in pins if not pin.has_wheel),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
