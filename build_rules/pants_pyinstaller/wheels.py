"""Installs the wheels of a whole lockfile into a directory, by uv, each checked against its hash.

Not a PEX: uv does it in a fraction of the CPU time, and for a platform other than this one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.core.util_rules.subprocess_environment import SubprocessEnvironmentVars
from pants.engine.fs import (
    EMPTY_DIGEST,
    Digest,
    DigestSubset,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, Process, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from pants_pyinstaller import network
from pants_pyinstaller.errors import FreezeError, require_success
from pants_pyinstaller.lockfiles import Requirements
from pants_pyinstaller.network import NO_WHEEL, Network, install_hint
from pants_pyinstaller.subsystem import REMOTE_FIRST_MS, PyInstaller, Uv
from pants_pyinstaller.toolchain import Host, Toolchain

GLIBC_LEVELS: tuple[str, ...] = (
    *("2_17", "2_28", "2_31", "2_32", "2_33", "2_34", "2_35", "2_36", "2_37", "2_38", "2_39"),
    "2_40",
)
"""The glibc versions that uv's `--python-platform` knows."""

_TARGET = "site"
_CACHE = ".uv-cache"
_UV = "uv"


@dataclass(frozen=True)
class WheelsRequest:
    """Install the `requirements` of the resolve `name`, for the Python of `toolchain`."""

    name: str
    requirements: Requirements
    toolchain: Toolchain


@dataclass(frozen=True)
class InstallRequest:
    """Install the wheels of a requirements file with hashes.

    wheels  uv's arguments that say for which Python and platform
    built   distributions that may be built from source
    target  for what, in the message of a failure
    """

    requirements: Requirements
    wheels: tuple[str, ...]
    description: str
    built: tuple[str, ...] = ()
    target: str = "the target"


@dataclass(frozen=True)
class InstallProcess:
    """uv's installation of an InstallRequest, the same whatever the caller's network."""

    process: Process


@dataclass(frozen=True)
class Wheels:
    """The content of a `site-packages` directory, at the root of `digest`."""

    digest: Digest


def index_args(repos: PythonRepos) -> tuple[str, ...]:
    """uv's arguments for the indexes and links that `[python-repos]` names."""
    args: list[str] = []
    if repos.indexes:
        default, *others = repos.indexes
        # uv asks the default index last, pip and Pex all of them: the best version counts.
        args += ["--default-index", default, "--index-strategy", "unsafe-best-match"]
        for index in others:
            args += ["--index", index]
    else:
        args.append("--no-index")
    for link in repos.find_links:
        args += ["--find-links", link]
    return tuple(args)


def wheel_arguments(wheels: tuple[str, ...], glibc_floor: str) -> tuple[tuple[str, ...], ...]:
    """A toolchain's arguments for uv as they are to be tried one after the other.

    The first for which every distribution has a wheel is the one to take: the lowest glibc, so that
    the choice depends on the lock alone and not on the building machine. A floor leaves one choice,
    the newest level that it allows.

    Raises FreezeError for a floor that is no version, or older than any level.
    """
    if not any("{glibc}" in argument for argument in wheels):
        return (wheels,)
    levels = GLIBC_LEVELS
    if glibc_floor:
        if not re.fullmatch(r"\d+\.\d+", glibc_floor):
            raise FreezeError(
                f"[pyinstaller].glibc_floor is {glibc_floor!r}, which is no version of glibc; "
                "write it as in 2.28."
            )
        floor = tuple(map(int, glibc_floor.split(".")))
        levels = tuple(level for level in levels if tuple(map(int, level.split("_"))) <= floor)
        if not levels:
            raise FreezeError(
                f"[pyinstaller].glibc_floor is {glibc_floor}, but no wheel is made for a glibc "
                f"older than {GLIBC_LEVELS[0].replace('_', '.')}."
            )
        levels = levels[-1:]
    return tuple(tuple(word.replace("{glibc}", level) for word in wheels) for level in levels)


def first_that_has_wheels(commands: Iterable[Sequence[str]]) -> str:
    """A shell's script that runs uv's commands one after the other until one finds all wheels.

    It is one process, which succeeds, because caches don't keep those that fail: each attempt would
    be repeated in every build.
    """
    # Builtins alone: nothing is on the PATH.
    lacking = "|".join(f"*'{text}'*" for text in NO_WHEEL)
    complain = """printf '%s\\n' "$said" >&2; exit 1"""
    lines = [
        f"said=$({shlex.join(command)} 2>&1) && exit 0\n"
        f'case "$said" in {lacking}) ;; *) {complain} ;; esac\n'
        for command in commands
    ]
    return f"{''.join(lines)}{complain}\n"


def build_arguments(names: Iterable[str], built: Iterable[str]) -> tuple[str, ...]:
    """uv's arguments that allow wheels alone, but for the distributions `built`."""
    allowed = {canonicalize_name(name) for name in built}
    if not allowed:
        return ("--only-binary", ":all:")
    return tuple(
        word
        for name in names
        if canonicalize_name(name) not in allowed
        for word in ("--only-binary", name)
    )


@dataclass(frozen=True)
class UvProgram:
    """uv's executable, `uv` at the root of `digest`."""

    digest: Digest


@rule
async def uv_program(uv: Uv) -> UvProgram:
    # Pants writes SSL_CERT_FILE and SSL_CERT_DIR into what starts a PEX. The executable that lies in the
    # PEX knows nothing of them: a changed variable repeats this copy, and no installation.
    venv = await Get(VenvPex, PexRequest, uv.to_pex_request())
    copied = await Get(
        ProcessResult,
        VenvPexProcess(
            venv,
            argv=("-c", f"import shutil, uv; shutil.copy(uv.find_uv_bin(), {_UV!r})"),
            extra_env={"PEX_INTERPRETER": "1"},
            output_files=(_UV,),
            description="Take uv's executable",
            level=LogLevel.DEBUG,
        ),
    )
    return UvProgram(copied.output_digest)


@rule
async def install_process(
    request: InstallRequest,
    uv: UvProgram,
    pyinstaller: PyInstaller,
    repos: PythonRepos,
    environment: SubprocessEnvironmentVars,
    _network: Network,
) -> InstallProcess:
    requirements = request.requirements
    caller = environment.vars.items()
    env = {name: value for name, value in caller if name not in network.VARIABLES}
    env["UV_NO_PROGRESS"] = "1"
    env["PATH"] = ":".join(pyinstaller.search_path)  # for a compiler and what it calls
    if pyinstaller.macos_floor:
        env["MACOSX_DEPLOYMENT_TARGET"] = pyinstaller.macos_floor
    commands = [
        (
            *(f"./{_UV}", "pip", "install", "--quiet", "--no-config", "--no-deps"),
            "--require-hashes",
            *build_arguments(requirements.names, request.built),
            *choice,
            *("--cache-dir", _CACHE, "--link-mode", "copy", "--target", _TARGET),
            *index_args(repos),
            *("--requirement", requirements.path),
        )
        for choice in wheel_arguments(request.wheels, pyinstaller.glibc_floor)
    ]
    return InstallProcess(
        Process(
            ("/bin/sh", "-c", network.USE + first_that_has_wheels(commands)),
            input_digest=await Get(Digest, MergeDigests([uv.digest, requirements.digest])),
            append_only_caches={"pyinstaller_uv": _CACHE, network.CACHE: network.DIRECTORY},
            env=env,
            output_directories=(_TARGET,),
            description=request.description,
            remote_cache_speculation_delay_millis=REMOTE_FIRST_MS,
        )
    )


@rule
async def install_requirements(request: InstallRequest, pyinstaller: PyInstaller) -> Wheels:
    if not request.requirements.names:
        return Wheels(EMPTY_DIGEST)
    prepared = await Get(InstallProcess, InstallRequest, request)
    installed = await Get(FallibleProcessResult, Process, prepared.process)
    if installed.exit_code:
        hint = install_hint(installed.stderr.decode(), request.target, pyinstaller.glibc_floor)
        require_success(installed, what=request.description, hint=hint)
    # Scripts hold the interpreter's path, and nothing that is frozen uses them.
    return Wheels(
        await Get(
            Digest,
            RemovePrefix(
                await Get(
                    Digest,
                    DigestSubset(
                        installed.output_digest,
                        PathGlobs([f"{_TARGET}/**", f"!{_TARGET}/bin/**", f"!{_TARGET}/.lock"]),
                    ),
                ),
                _TARGET,
            ),
        )
    )


@rule
async def install_wheels(request: WheelsRequest, pyinstaller: PyInstaller, host: Host) -> Wheels:
    requirements, toolchain = request.requirements, request.toolchain
    built = {canonicalize_name(name) for name in pyinstaller.build_from_source}
    unbuilt = sorted(set(requirements.without_wheel) - built)
    if unbuilt:
        raise FreezeError(
            f"The lockfile of the resolve `{request.name}` has no wheel of {', '.join(unbuilt)}, only "
            "a source distribution. Pin a release that has a wheel, publish one on an index of "
            "[python-repos], or let uv build it: add its name to [pyinstaller].build_from_source."
        )
    here = built & {canonicalize_name(name) for name in requirements.names}
    if here and toolchain.platform != host.platform:
        raise FreezeError(
            f"[pyinstaller].build_from_source names {', '.join(sorted(here))}, but a source "
            f"distribution can't be built for {toolchain.platform} on {host.platform}. Publish a "
            f"wheel of it for {toolchain.platform}, or package on that platform."
        )
    return await Get(
        Wheels,
        InstallRequest(
            requirements,
            toolchain.wheels,
            description=f"Install the wheels of the resolve `{request.name}`",
            built=tuple(sorted(here)),
            target=f"Python {toolchain.version} on {toolchain.platform}",
        ),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
