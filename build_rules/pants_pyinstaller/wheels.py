"""Installs the wheels of a whole lockfile into a directory, by uv, each checked against its hash.

Not a PEX: uv does it in a fraction of the CPU time, and for a platform other than this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
from pants.engine.process import FallibleProcessResult, ProcessResult
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule

from pants_pyinstaller.errors import FreezeError, require_success
from pants_pyinstaller.subsystem import Uv
from pants_pyinstaller.toolchain import Toolchain

_TARGET = "site"
_CACHE = ".uv-cache"


@dataclass(frozen=True)
class WheelsRequest:
    """Install all that the lockfile of `resolve` pins, for the Python of `toolchain`."""

    resolve: str
    toolchain: Toolchain


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


@rule
async def install_wheels(
    request: WheelsRequest,
    uv: Uv,
    repos: PythonRepos,
    python_setup: PythonSetup,
    environment: SubprocessEnvironmentVars,
) -> Wheels:
    if request.resolve not in python_setup.resolves:
        raise FreezeError(
            f"[python].resolves has no resolve {request.resolve!r} "
            f"(it has: {', '.join(sorted(python_setup.resolves))}). Add its lockfile there, or set "
            "[pyinstaller].resolve to the resolve that holds PyInstaller."
        )
    requirements, venv = await MultiGet(
        Get(RequirementsFile, RequirementsFileRequest(request.resolve, request.toolchain)),
        Get(VenvPex, PexRequest, uv.to_pex_request()),
    )
    installed = await Get(
        FallibleProcessResult,
        VenvPexProcess(
            venv,
            argv=(
                *("pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", *request.toolchain.wheels),
                *("--cache-dir", _CACHE, "--link-mode", "copy", "--target", _TARGET),
                *index_args(repos),
                *("--requirement", requirements.path),
            ),
            input_digest=requirements.digest,
            append_only_caches={"pyinstaller_uv": _CACHE},
            extra_env={**environment.vars, "UV_NO_PROGRESS": "1"},
            output_directories=(_TARGET,),
            description=f"Install the wheels of the resolve `{request.resolve}`",
        ),
    )
    require_success(
        installed,
        what=f"Installing the wheels of the resolve `{request.resolve}`",
        hint=(
            f"Every distribution needs a wheel for {request.toolchain.platform}; a source distribution is not "
            "built. If the lockfile is older than its input, make it again."
        ),
    )
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


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
