"""Installs the wheels of a whole lockfile into a directory, by uv, each checked against its hash.

Not a PEX: uv does it in a fraction of the CPU time, and for a platform other than this one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pants.backend.python.subsystems.repos import PythonRepos
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.util_rules.pex import PexRequest, VenvPex, VenvPexProcess
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_requirements import (
    LoadedLockfile,
    LoadedLockfileRequest,
    Lockfile,
    Resolve,
)
from pants.core.util_rules.subprocess_environment import SubprocessEnvironmentVars
from pants.engine.fs import Digest, DigestSubset, PathGlobs, RemovePrefix
from pants.engine.process import FallibleProcessResult, Process, ProcessResult
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule

from pants_pyinstaller.errors import FreezeError, require_success
from pants_pyinstaller.subsystem import REMOTE_FIRST_MS, PyInstaller, Uv
from pants_pyinstaller.toolchain import Toolchain

GLIBC_LEVELS: tuple[str, ...] = (
    *("2_17", "2_28", "2_31", "2_32", "2_33", "2_34", "2_35", "2_36", "2_37", "2_38", "2_39"),
    "2_40",
)
"""The glibc versions that uv's `--python-platform` knows."""

_TARGET = "site"
_CACHE = ".uv-cache"
_NO_WHEEL = ("no usable wheels", "no wheel with a matching", "no wheels with a matching")


@dataclass(frozen=True)
class WheelsRequest:
    """Install all that the lockfile of `resolve` pins, for the Python of `toolchain`."""

    resolve: str
    toolchain: Toolchain


@dataclass(frozen=True)
class RequirementsRequest:
    """Install the wheels of a requirements file with hashes.

    `wheels` are uv's arguments that say for which Python and platform; `hint` ends the message of a
    failure.
    """

    requirements: RequirementsFile
    wheels: tuple[str, ...]
    description: str
    hint: str = ""


@dataclass(frozen=True)
class Wheels:
    """The content of a `site-packages` directory, at the root of `digest`."""

    digest: Digest


@dataclass(frozen=True)
class RequirementsFileRequest:
    """The lockfile of `resolve` as a requirements file with hashes."""

    resolve: str
    toolchain: Toolchain


@dataclass(frozen=True)
class RequirementsFile:
    digest: Digest
    path: str


@rule
async def requirements_file(request: RequirementsFileRequest) -> RequirementsFile:
    lockfile = await Get(Lockfile, Resolve(request.resolve, use_entire_lockfile=True))
    loaded = await Get(LoadedLockfile, LoadedLockfileRequest(lockfile))
    if not loaded.is_pex_native:
        return RequirementsFile(loaded.lockfile_digest, loaded.lockfile_path)
    path = f"{request.resolve}.txt"
    exported = await Get(
        ProcessResult,
        PexCliProcess(
            subcommand=("lock", "export"),
            extra_args=(
                *("--format", "pip", "--output", path),
                *("--python-path", request.toolchain.python),
                loaded.lockfile_path,
            ),
            additional_input_digest=loaded.lockfile_digest,
            output_files=(path,),
            description=f"Export the lockfile of the resolve `{request.resolve}`",
        ),
    )
    return RequirementsFile(exported.output_digest, path)


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
    lacking = "|".join(f"*'{text}'*" for text in _NO_WHEEL)
    complain = """printf '%s\\n' "$said" >&2; exit 1"""
    lines = [
        f"said=$({shlex.join(command)} 2>&1) && exit 0\n"
        f'case "$said" in {lacking}) ;; *) {complain} ;; esac\n'
        for command in commands
    ]
    return f"{''.join(lines)}{complain}\n"


@rule
async def install_requirements(
    request: RequirementsRequest,
    uv: Uv,
    pyinstaller: PyInstaller,
    repos: PythonRepos,
    environment: SubprocessEnvironmentVars,
) -> Wheels:
    choices = wheel_arguments(request.wheels, pyinstaller.glibc_floor)
    venv = await Get(VenvPex, PexRequest, uv.to_pex_request())
    env = {**environment.vars, "UV_NO_PROGRESS": "1"}
    if pyinstaller.macos_floor:
        env["MACOSX_DEPLOYMENT_TARGET"] = pyinstaller.macos_floor
    processes = await MultiGet(
        Get(
            Process,
            VenvPexProcess(
                venv,
                argv=(
                    *("pip", "install", "--quiet", "--no-config", "--no-deps"),
                    *("--require-hashes", "--only-binary", ":all:", *choice),
                    *("--cache-dir", _CACHE, "--link-mode", "copy", "--target", _TARGET),
                    *index_args(repos),
                    *("--requirement", request.requirements.path),
                ),
                input_digest=request.requirements.digest,
                append_only_caches={"pyinstaller_uv": _CACHE},
                extra_env=env,
                output_directories=(_TARGET,),
                description=request.description,
            ),
        )
        for choice in choices
    )
    installed = await Get(
        FallibleProcessResult,
        Process,
        replace(
            processes[0],
            argv=("/bin/sh", "-c", first_that_has_wheels(one.argv for one in processes)),
            remote_cache_speculation_delay_millis=REMOTE_FIRST_MS,
        ),
    )
    require_success(installed, what=request.description, hint=request.hint)
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
async def install_wheels(
    request: WheelsRequest, pyinstaller: PyInstaller, python_setup: PythonSetup
) -> Wheels:
    if request.resolve not in python_setup.resolves:
        raise FreezeError(
            f"[python].resolves has no resolve {request.resolve!r} "
            f"(it has: {', '.join(sorted(python_setup.resolves))}). Add its lockfile there, or set "
            "[pyinstaller].resolve to the resolve that holds PyInstaller."
        )
    toolchain = request.toolchain
    requirements = await Get(RequirementsFile, RequirementsFileRequest(request.resolve, toolchain))
    return await Get(
        Wheels,
        RequirementsRequest(
            requirements,
            toolchain.wheels,
            description=f"Install the wheels of the resolve `{request.resolve}`",
            hint=(
                f"Every distribution needs a wheel for {toolchain.platform}"
                + (f" and glibc {pyinstaller.glibc_floor}" if pyinstaller.glibc_floor else "")
                + "; a source distribution is not built. Pin a release that has one. If the "
                "lockfile is older than its input, make it again."
            ),
        ),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
