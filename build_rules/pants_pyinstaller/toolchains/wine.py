"""The Windows Python, run by Wine.

No distribution of CPython for Windows is needed: `windows_python/` assembles one out of wheels, the
standard library of this machine's interpreter and a few lines of C. `wine_launch.py` starts it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pants.core.util_rules.system_binaries import (
    BinaryPath,
    BinaryPathRequest,
    BinaryPaths,
    BinaryPathTest,
)
from pants.engine.fs import CreateDigest, Digest, FileContent, RemovePrefix
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, Rule, _uncacheable_rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import FreezeError, require_success
from pants_pyinstaller.lockfiles import Requirements, pinned
from pants_pyinstaller.platforms import Platform
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.toolchain import (
    Host,
    NativeToolchainRequest,
    Toolchain,
    WineToolchainRequest,
)
from pants_pyinstaller.toolchains import cores
from pants_pyinstaller.wheels import InstallRequest, Wheels

MINGW = "x86_64-w64-mingw32-"
PACKAGES = {
    "wine": "wine wine64",
    "wineserver": "wine wine64",
    f"{MINGW}gcc": "gcc-mingw-w64-x86-64",
    f"{MINGW}windres": "gcc-mingw-w64-x86-64",
}
"""The programs that this needs on the machine, and the Debian packages that bring them."""

_HERE = Path(__file__).resolve().parent
_ASSEMBLER = "windows_python"
_LAUNCHER = "wine_launch.py"
_REQUIREMENTS = "requirements.txt"
_OUTPUT = "out"
_PYTHON = "windows_python"
_SYSTEM32 = "wine_system32"
_CACHE = ".wine"
_DESCRIPTIONS = {
    "python": "Assemble Python for Windows",
    "system32": "Compile what Wine lacks of Windows",
}


@dataclass(frozen=True)
class WinePrograms:
    """The sources of the assembler and of the launcher, each a digest with paths as in this folder."""

    assembler: Digest
    launcher: Digest


@_uncacheable_rule
async def read_programs() -> WinePrograms:
    files = [
        path
        for path in sorted((_HERE / _ASSEMBLER).iterdir())
        if path.is_file() and path.name != "BUILD" and not path.name.endswith("_test.py")
    ]

    def contents(paths: Iterable[Path]) -> CreateDigest:
        return CreateDigest(
            FileContent(path.relative_to(_HERE).as_posix(), path.read_bytes()) for path in paths
        )

    assembler, launcher = await MultiGet(
        Get(Digest, CreateDigest, contents(files)),
        Get(Digest, CreateDigest, contents([_HERE / _LAUNCHER])),
    )
    return WinePrograms(assembler, launcher)


@dataclass(frozen=True)
class Installed:
    """Programs of this machine by name, and what they say of their versions as one fingerprint."""

    paths: FrozenDict[str, str]
    fingerprint: str


@rule
async def find_installed(pyinstaller: PyInstaller) -> Installed:
    found = await MultiGet(
        Get(
            BinaryPaths,
            BinaryPathRequest(
                binary_name=name,
                search_path=pyinstaller.search_path,
                test=BinaryPathTest(args=["--version"]),
            ),
        )
        for name in PACKAGES
    )
    first = {name: paths.first_path for name, paths in zip(PACKAGES, found)}
    check_installed([name for name, path in first.items() if path is None])
    known: dict[str, BinaryPath] = {name: path for name, path in first.items() if path is not None}
    versions = "\n".join(f"{name} {path.fingerprint}" for name, path in sorted(known.items()))
    return Installed(
        FrozenDict({name: path.path for name, path in known.items()}),
        hashlib.sha256(versions.encode()).hexdigest(),
    )


def check_installed(missing: Sequence[str]) -> None:
    """Raises FreezeError with the packages that bring the `missing` programs."""
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[name] for name in missing))
        raise FreezeError(
            f"windows-amd64 is built under Wine, but {', '.join(missing)} can't be found in "
            f"[pyinstaller].search_path. Debian and Ubuntu: apt-get install {packages}"
        )


@dataclass(frozen=True)
class WindowsPython:
    """A folder with python.exe, DLLs/ and Lib/."""

    digest: Digest


@dataclass(frozen=True)
class WineAdditions:
    """DLLs that an older Wine lacks or has with faults."""

    digest: Digest


@dataclass(frozen=True)
class WindowsPythonRequest:
    """Assemble it for `platform` with the standard library of `native`, for wheels of `wheels` (uv's arguments)."""

    platform: Platform
    native: Toolchain
    wheels: tuple[str, ...]


@dataclass(frozen=True)
class WineAdditionsRequest:
    native: Toolchain


@rule
async def assemble_windows_python(
    request: WindowsPythonRequest, programs: WinePrograms, installed: Installed
) -> WindowsPython:
    lock = cores.lock(request.native.version, request.platform).read_text("utf-8")
    wheels = await Get(
        Wheels,
        InstallRequest(
            Requirements(
                await Get(Digest, CreateDigest([FileContent(_REQUIREMENTS, lock.encode())])),
                _REQUIREMENTS,
                pinned(lock),
            ),
            request.wheels,
            description="Install the wheels that hold Python for Windows",
        ),
    )
    process = assembly(request.native, programs, installed, "python", {"wheels": wheels.digest})
    result = await Get(FallibleProcessResult, Process, process)
    require_success(result, what=process.description)
    return WindowsPython(await Get(Digest, RemovePrefix(result.output_digest, _OUTPUT)))


@rule
async def make_wine_additions(
    request: WineAdditionsRequest, programs: WinePrograms, installed: Installed
) -> WineAdditions:
    process = assembly(request.native, programs, installed, "system32", {})
    result = await Get(FallibleProcessResult, Process, process)
    require_success(result, what=process.description)
    return WineAdditions(await Get(Digest, RemovePrefix(result.output_digest, _OUTPUT)))


def assembly(
    native: Toolchain,
    programs: WinePrograms,
    installed: Installed,
    program: str,
    mounts: Mapping[str, Digest],
) -> Process:
    """One run of the assembler on this machine's own interpreter, with `mounts` as arguments."""
    mingw = installed.paths[f"{MINGW}gcc"][: -len("gcc")]
    return Process(
        (
            *(*native.command, "-s", "-B", f"{_ASSEMBLER}/__main__.py"),
            *(program, *mounts, _OUTPUT, mingw),
        ),
        input_digest=programs.assembler,
        immutable_input_digests=mounts,
        # The standard library and the compiler are no inputs: what they are stands in the key.
        env={**native.env, "MINGW": installed.fingerprint},
        output_directories=(_OUTPUT,),
        description=_DESCRIPTIONS[program],
        level=LogLevel.INFO,
    )


@rule
async def find_wine_toolchain(
    request: WineToolchainRequest,
    host: Host,
    programs: WinePrograms,
    installed: Installed,
    pyinstaller: PyInstaller,
) -> Toolchain:
    native = await Get(
        Toolchain, NativeToolchainRequest(host.platform, request.interpreter_constraints)
    )
    wheels = (
        *("--python", native.python, "--python-version", native.version),
        *("--python-platform", request.platform.wheels),
    )
    windows, additions = await MultiGet(
        Get(WindowsPython, WindowsPythonRequest(request.platform, native, wheels)),
        Get(WineAdditions, WineAdditionsRequest(native)),
    )
    parts = (windows.digest, additions.digest, programs.launcher)
    content = hashlib.sha256(
        " ".join([*(part.fingerprint for part in parts), installed.fingerprint]).encode()
    ).hexdigest()
    return Toolchain(
        platform=request.platform,
        version=native.version,
        content=content,
        command=(
            *(*native.command, "-I", _LAUNCHER, "--cache", _CACHE),
            *("--system32", _SYSTEM32, "--loader", installed.paths["wine"]),
            *("--", f"{_PYTHON}/python.exe"),
        ),
        env=FrozenDict(
            {
                **contract.ENVIRONMENT,
                "PATH": ":".join(pyinstaller.search_path),
                "INTERPRETER_CONTENT": content,
            }
        ),
        wheels=wheels,
        python=native.python,
        mounts=FrozenDict({_PYTHON: windows.digest, _SYSTEM32: additions.digest}),
        files=programs.launcher,
        caches=FrozenDict({"pyinstaller_wine": _CACHE}),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
