"""A platform's Python: how it is started here, what it is made of, what its programs get.

`toolchains/` holds one acquisition for each `Build` of `platforms.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.build_graph.address import Address
from pants.engine.collection import Collection
from pants.engine.environment import EnvironmentName
from pants.engine.fs import EMPTY_DIGEST
from pants.engine.internals.native_engine import Digest
from pants.engine.platform import Platform as PantsPlatform
from pants.engine.rules import Rule, collect_rules, rule
from pants.engine.unions import UnionRule, union
from pants.util.frozendict import FrozenDict

from pants_pyinstaller import platforms
from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.platforms import Build, Platform
from pants_pyinstaller.subsystem import PyInstaller


@dataclass(frozen=True)
class Toolchain:
    """A Python of `platform`, and how programs are run by it on this machine.

    version  of Python, such as `3.13.5`
    content  SHA-256 of all that the interpreter can put into an executable and of what emulates
             it; it stands in `env` too, and so is part of every process's key
    command  what starts the interpreter in a sandbox's root; the interpreter's flags, the program
             and its arguments follow, and every path among them is relative to that root
    env      the environment of its programs
    wheels   uv's arguments that say for which Python and platform wheels are taken; `{glibc}`
             stands for what wheels may need, see `wheels.GLIBC_LEVELS`
    python   a CPython of the same minor version that runs on this machine, for uv
    mounts   inputs that every program needs beside its own, by their path in the sandbox
    files    the same for small ones, copied into the sandbox
    caches   append-only caches that `command` uses: name to path in the sandbox
    reference  where the platform's programs can't run here: this machine's own toolchain. Hooks import
             its wheels, and its proof says what a program needs
    """

    platform: Platform
    version: str
    content: str
    command: tuple[str, ...]
    env: FrozenDict[str, str]
    wheels: tuple[str, ...]
    python: str
    mounts: FrozenDict[str, Digest] = field(default_factory=FrozenDict)
    files: Digest = EMPTY_DIGEST
    caches: FrozenDict[str, str] = field(default_factory=FrozenDict)
    reference: Toolchain | None = None

    @property
    def windows(self) -> bool:
        return self.platform.executable_suffix == ".exe"


@union(in_scope_types=[EnvironmentName])
@dataclass(frozen=True)
class ToolchainRequest:
    """The toolchain of `platform`, by the member of this union whose `build` is the platform's.

    A member is a subclass, registered by `UnionRule(ToolchainRequest, Member)`, with a rule
    `Member -> Toolchain`. What is missing on this machine is a FreezeError that names the package.
    """

    platform: Platform
    interpreter_constraints: InterpreterConstraints


@dataclass(frozen=True)
class NativeToolchainRequest(ToolchainRequest):
    """The interpreter of this machine."""


@dataclass(frozen=True)
class SysrootToolchainRequest(ToolchainRequest):
    """Another architecture's Linux in its own root directory, run by qemu."""


@dataclass(frozen=True)
class WineToolchainRequest(ToolchainRequest):
    """The Windows Python, run by Wine."""


@dataclass(frozen=True)
class ForeignToolchainRequest(ToolchainRequest):
    """An interpreter that is put together here and can't run here."""


_REQUESTS: dict[Build, type[ToolchainRequest]] = {
    Build.NATIVE: NativeToolchainRequest,
    Build.SYSROOT: SysrootToolchainRequest,
    Build.WINE: WineToolchainRequest,
    Build.FOREIGN: ForeignToolchainRequest,
}


@dataclass(frozen=True)
class Host:
    """The platform that processes run on."""

    platform: Platform


@rule
async def find_host(pants_platform: PantsPlatform) -> Host:
    return Host(platforms.PLATFORMS[platforms.PANTS_PLATFORMS[pants_platform.value]])


class ChosenPlatforms(Collection[Platform]):
    """What `[pyinstaller].platforms` asks for, the host first."""


@rule
async def choose_platforms(pyinstaller: PyInstaller, host: Host) -> ChosenPlatforms:
    return ChosenPlatforms(platforms.choose(pyinstaller.platforms, host.platform.name))


def toolchain_request(
    platform: Platform, host: Host, constraints: InterpreterConstraints
) -> ToolchainRequest:
    """The request for `platform`'s toolchain on `host`; `choose_platforms` vouches for it."""
    build = platform.build_on(host.platform.name)
    assert build is not None, f"{platform} on {host.platform}"
    return _REQUESTS[build](platform, constraints)


def interpreter_constraints(
    allowed: Sequence[str], wanted: Sequence[str], universe: Sequence[str], address: Address
) -> InterpreterConstraints:
    """What both `[pyinstaller]` and the target (or `[python]`) allow.

    Raises FreezeError where they have no interpreter of `[python].interpreter_versions_universe` in
    common.
    """
    by_option, by_target = InterpreterConstraints(allowed), InterpreterConstraints(wanted)
    try:
        versions = set(by_target.enumerate_python_versions(universe))
        common = versions & set(by_option.enumerate_python_versions(universe))
    except ValueError:  # one of them allows nothing of the universe
        common = set()
    if not common:
        raise FreezeError(
            f"{address} asks for the interpreter {by_target}, and "
            f"[pyinstaller].interpreter_constraints allows {by_option}: no version of "
            f"[python].interpreter_versions_universe ({', '.join(universe)}) is in both. Set "
            "`interpreter_constraints` of the target or in [python], such as CPython==3.13.*, and add "
            "the version to the universe if it lacks it."
        )
    # As they are where they can be: Pants looks for an interpreter once for all that ask for the same.
    if common == versions:
        return by_target
    return InterpreterConstraints.merge([by_option, by_target])


def rules() -> Iterable[Rule | UnionRule]:
    return [
        *collect_rules(),
        *(UnionRule(ToolchainRequest, member) for member in _REQUESTS.values()),
    ]
