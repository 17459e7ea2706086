"""Another architecture's Linux: Debian's packages in a root directory of their own, run by qemu.

The packages are pinned in `sysroot/ARCH.json`. They are downloaded and laid out by a process whose
result depends on the pins alone, so it is cached by Pants as every other one: offline once it is
there, and shared by a remote cache. The programs in `sysroot/` say how.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.core.util_rules.subprocess_environment import SubprocessEnvironmentVars
from pants.core.util_rules.system_binaries import (
    BinaryPathRequest,
    BinaryPaths,
    BinaryPathTest,
)
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    FileContent,
    MergeDigests,
    RemovePrefix,
)
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, Rule, _uncacheable_rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller._compat import EnvironmentTarget
from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import FreezeError, require_success
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.toolchain import SysrootToolchainRequest, Toolchain

_DIRECTORY = Path(__file__).resolve().parent.parent / "sysroot"
_PROGRAMS = "pants_pyinstaller/sysroot"
_FETCHER = "pants_pyinstaller.sysroot.fetch"
_MOUNT = "__sysroot"
_LAUNCHER = "__launch.py"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class Machine:
    """What a platform's sysroot is made of: its pins, and the names by which qemu goes."""

    pins: str
    qemu: str


_MACHINES = {"linux-arm64": Machine("arm64.json", "aarch64")}


@dataclass(frozen=True)
class SysrootPrograms:
    """The programs and pins of `sysroot/` by file name."""

    contents: FrozenDict[str, bytes]

    def file(self, name: str, path: str) -> FileContent:
        return FileContent(path, self.contents[name])


# The engine does not watch this package's own files, so each run of Pants reads them again.
@_uncacheable_rule
async def read_sysroot_programs() -> SysrootPrograms:
    names = [
        "fetch.py",
        "launch.py",
        "mirrors.py",
        *(machine.pins for machine in _MACHINES.values()),
    ]
    return SysrootPrograms(FrozenDict({name: (_DIRECTORY / name).read_bytes() for name in names}))


@dataclass(frozen=True)
class QemuRequest:
    machine: str
    python: str


@dataclass(frozen=True)
class Qemu:
    """qemu on this machine; `identity` says what of it a result depends on."""

    path: str
    way: str
    identity: str


@rule(desc="Find qemu", level=LogLevel.DEBUG)
async def find_qemu(
    request: QemuRequest, programs: SysrootPrograms, environment: EnvironmentTarget
) -> Qemu:
    names = (f"qemu-{request.machine}-static", f"qemu-{request.machine}")
    found = await MultiGet(
        Get(
            BinaryPaths,
            BinaryPathRequest(
                binary_name=name,
                search_path=("/usr/local/bin", "/usr/bin", "/bin"),
                test=BinaryPathTest(args=["--version"]),
            ),
        )
        for name in names
    )
    path = next((paths.first_path.path for paths in found if paths.first_path), None)
    if path is None:
        raise FreezeError(
            f"Programs for {request.machine} are run by qemu, but there is no {names[0]} on this "
            "machine. Install the Debian package qemu-user-static "
            "(apt-get install qemu-user-static)."
        )
    launcher = await Get(Digest, CreateDigest([programs.file("launch.py", _LAUNCHER)]))
    result = await Get(
        FallibleProcessResult,
        Process(
            (
                *(request.python, "-I", "-S", _LAUNCHER, "--probe"),
                *("--qemu", path, "--machine", request.machine),
            ),
            input_digest=launcher,
            env=_ENVIRONMENT,
            description=f"Try {path}",
            level=LogLevel.DEBUG,
            # What it looks at is no input, so it runs again in each Pants daemon.
            cache_scope=environment.executable_search_path_cache_scope(),
        ),
    )
    if result.exit_code:
        raise FreezeError(result.stderr.decode().strip())
    said = json.loads(result.stdout)
    return Qemu(path, said["way"], json.dumps(said, sort_keys=True))


@rule(desc="Prepare the sysroot", level=LogLevel.DEBUG)
async def find_sysroot_toolchain(
    request: SysrootToolchainRequest,
    pyinstaller: PyInstaller,
    programs: SysrootPrograms,
    environment: SubprocessEnvironmentVars,
) -> Toolchain:
    machine = _MACHINES[request.platform.name]
    version = _python_version(json.loads(programs.contents[machine.pins]))
    if not any(version in allowed for allowed in request.interpreter_constraints):
        raise FreezeError(
            f"{request.platform} is built with Debian's Python {version}, which "
            f"{request.interpreter_constraints} does not allow."
        )
    minor = ".".join(version.split(".")[:2])
    # uv takes its Python's version for the target's, but for the patch level.
    python = await Get(PythonExecutable, InterpreterConstraints([f"=={minor}.*"]))
    qemu = await Get(Qemu, QemuRequest(machine.qemu, python.path))
    fetcher, launcher = await MultiGet(
        Get(
            Digest,
            CreateDigest(
                programs.file(name, f"{_PROGRAMS}/{name}")
                for name in ("fetch.py", "mirrors.py", machine.pins)
            ),
        ),
        Get(Digest, CreateDigest([programs.file("launch.py", _LAUNCHER)])),
    )
    what = f"Fetching Debian's packages for {request.platform}"
    fetched = await Get(
        FallibleProcessResult,
        Process(
            (
                *(python.path, "-E", "-s", "-S", "-m", _FETCHER),
                *(f"{_PROGRAMS}/{machine.pins}", _MOUNT, pyinstaller.debian_mirror),
            ),
            input_digest=fetcher,
            env={**environment.vars, **_ENVIRONMENT},
            output_directories=(_MOUNT,),
            description=f"Fetch Debian's packages for {request.platform}",
            level=LogLevel.INFO,
        ),
    )
    require_success(fetched, what=what)
    launch = (
        *(python.path, "-I", "-S", _LAUNCHER, "--sysroot", _MOUNT),
        *("--qemu", qemu.path, "--machine", machine.qemu, "--way", qemu.way, "--"),
    )
    env = {**contract.ENVIRONMENT, **_ENVIRONMENT}
    packages = await Get(Digest, RemovePrefix(fetched.output_digest, _MOUNT))
    cache = await Get(
        FallibleProcessResult,
        Process(
            (*launch, "/usr/sbin/ldconfig", "-C", "ld.so.cache"),
            input_digest=launcher,
            immutable_input_digests={_MOUNT: packages},
            env={**env, "EMULATOR": qemu.identity},
            output_files=("ld.so.cache",),
            description=f"List the libraries of {request.platform}",
            level=LogLevel.DEBUG,
            cache_scope=ProcessCacheScope.SUCCESSFUL,
        ),
    )
    require_success(cache, what=f"Running a program of {request.platform} by {qemu.path}")
    sysroot = await Get(
        Digest,
        MergeDigests([packages, await Get(Digest, AddPrefix(cache.output_digest, "etc"))]),
    )
    parts = (sysroot.fingerprint, qemu.identity)
    content = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return Toolchain(
        platform=request.platform,
        version=version,
        content=content,
        command=(*launch, f"/usr/bin/python{minor}"),
        env=FrozenDict({**env, "INTERPRETER_CONTENT": content}),
        wheels=(
            *("--python", python.path, "--python-version", version),
            *("--python-platform", request.platform.wheels),
        ),
        python=python.path,
        mounts=FrozenDict({_MOUNT: sysroot}),
        files=launcher,
    )


def _python_version(pins: dict[str, list[dict[str, str]]]) -> str:
    """`3.13.5` for the pinned package python3.13-minimal 3.13.5-2."""
    for package in pins["packages"]:
        if package["name"].startswith("python3.") and package["name"].endswith("-minimal"):
            return package["version"].partition("-")[0]
    raise ValueError("no Python is pinned")


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
