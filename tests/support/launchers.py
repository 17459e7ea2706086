"""Start executables of any platform as on a bare machine of that platform.

A Linux executable runs in a root directory that holds the C library and zlib and nothing else, by
qemu where it is for another architecture. A Windows executable runs on Linux in an empty prefix of
Wine, which gets a Ctrl-C for a signal. Elsewhere it runs as it is.
"""

from __future__ import annotations

import json
import os
import platform as machine
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SYSROOT: Final = Path("build_rules/pants_pyinstaller/sysroot")
_TOOLCHAINS: Final = Path("build_rules/pants_pyinstaller/toolchains")
_PROGRAMS: Final = "/usr/local/bin:/usr/bin:/bin"
_MINGW: Final = "x86_64-w64-mingw32-"
_QEMU: Final = {"linux-arm64": ("aarch64", "qemu-aarch64-static")}
_ARCHITECTURES: Final = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class LauncherMissing(RuntimeError):
    """This machine cannot start a platform's executables; the message says what to install."""


def host_platform() -> str:
    """This machine's platform, such as `linux-amd64`."""
    return f"{machine.system().lower()}-{_ARCHITECTURES[machine.machine()]}"


@dataclass(frozen=True)
class Launcher:
    """What stands before the executable in a command line; whether the machine has a shell; how the
    executable names a path of the host."""

    prefix: tuple[str, ...] = ()
    has_shell: bool = True
    seen: Callable[[Path], str] = str

    def command(self, program: Path) -> tuple[str, ...]:
        return (*self.prefix, str(program))


def _bare_linux(platform: str, folder: Path, shown: tuple[Path, ...]) -> Launcher:
    sysroot = _SYSROOT.absolute()
    pins = sysroot / f"bare-{platform.removeprefix('linux-')}.json"
    root = folder / "root"
    made = subprocess.run(
        [sys.executable, "-m", "pants_pyinstaller.sysroot.fetch", pins, root, ""],
        cwd=sysroot.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LauncherMissing(made.stderr)
    held = {package["name"] for package in json.loads(pins.read_text())["packages"]}
    assert held == {"libc6", "zlib1g"}, held
    emulation: tuple[str, ...] = ()
    if platform != host_platform():
        name, program = _QEMU[platform]
        qemu = shutil.which(program, path=_PROGRAMS)
        if qemu is None:
            raise LauncherMissing(f"{program} is missing: install the package qemu-user-static")
        emulation = ("--machine", name, "--qemu", qemu)
    return Launcher(
        (
            *(sys.executable, "-I", "-S", str(sysroot / "launch.py")),
            *("--sysroot", str(root), *emulation),
            *(part for place in shown for part in ("--show", str(place))),
            "--",
        ),
        has_shell=False,
    )


def _empty_wine(platform: str, folder: Path, shown: tuple[Path, ...]) -> Launcher:
    wine = shutil.which("wine", path=_PROGRAMS)
    compiler = shutil.which(f"{_MINGW}gcc", path=_PROGRAMS)
    if wine is None or compiler is None:
        raise LauncherMissing(
            "Wine or MinGW is missing: install the packages wine, wine64 and gcc-mingw-w64-x86-64"
        )
    toolchains = _TOOLCHAINS.absolute()
    system32 = folder / "system32"
    assembler = toolchains / "windows_python/__main__.py"
    made = subprocess.run(
        [sys.executable, "-B", assembler, "system32", system32, compiler.removesuffix("gcc")],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise LauncherMissing(made.stderr)
    return Launcher(
        (
            *(sys.executable, "-I", str(toolchains / "wine_launch.py"), "--pass-signals"),
            *("--cache", str(folder / "wine"), "--system32", str(system32)),
            *("--loader", wine, "--"),
        ),
        seen=lambda path: "Z:" + str(path).replace("/", "\\"),
    )


def _as_it_is(platform: str, folder: Path, shown: tuple[Path, ...]) -> Launcher:
    if platform != host_platform():
        raise LauncherMissing(f"executables for {platform} don't run on {host_platform()}")
    return Launcher()


_LAUNCHERS: Final[dict[tuple[str, str], Callable[[str, Path, tuple[Path, ...]], Launcher]]] = {
    ("linux", "linux"): _bare_linux,
    ("linux", "windows"): _empty_wine,
    ("darwin", "darwin"): _as_it_is,
    ("windows", "windows"): _as_it_is,
}
"""(system of the host, system of the executable) -> how a launcher is made."""


def launcher_for(platform: str, folder: Path, shown: tuple[Path, ...]) -> Launcher:
    """How executables for `platform` are started here.

    folder: an empty directory for the launcher's own files. shown: directories that the executable
    sees where they are, beside a private `/tmp`. Raises LauncherMissing.
    """
    kinds = (host_platform().split("-")[0], platform.split("-")[0])
    if kinds not in _LAUNCHERS:
        raise LauncherMissing(f"executables for {platform} can't be started on {host_platform()}")
    return _LAUNCHERS[kinds](platform, folder, shown)


def find_executable(name: str, platform: str) -> Path:
    """The packaged executable for `platform` that the build passed to the test.

    The host's lies at its output path, another platform's in a directory with the platform's name.
    Raises LauncherMissing.
    """
    file = name + (".exe" if platform.startswith("windows-") else "")
    host = platform == host_platform()
    found = sorted(Path.cwd().glob(f"*/{file}" if host else f"*/{platform}/{file}"))
    found = [path for path in found if path.is_file() and os.access(path, os.X_OK)]
    if len(found) != 1:
        raise LauncherMissing(
            f"{len(found)} executables of {name} for {platform} below {Path.cwd()}: run this by "
            "`make test-cross`"
        )
    return found[0]
