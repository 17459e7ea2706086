"""Assembles a CPython for Windows on another system:

    PYTHON -I -B windows_python/__main__.py WHEELS OUTPUT MINGW

WHEELS is a folder into which the requirements beside this file are installed: panda3d, whose wheel for
Windows brings python.org's own pythonXY.dll, extension modules and libraries, and pefile. The standard
library is that of the interpreter that runs this, which has to be of the same patch level. What no wheel
has, the compiler whose name begins with MINGW makes of the sources here: python.exe, python3.dll, and what
Wine lacks.

OUTPUT gets `python/` (python.exe, DLLs/, Lib/) and `system32/` (for a Wine prefix). The same inputs give
the same bytes.
"""

from __future__ import annotations

import compileall
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# What MinGW writes by itself from the time and the output's path: time stamps, the base address of a DLL.
_FLAGS = ("-O2", "-s", "-Wl,--no-insert-timestamp,--build-id=none,--disable-auto-image-base")
_BARE = ("-shared", "-nostdlib", "-Wl,-e,DllMain")
_EMPTY = "int __stdcall DllMain(void *image, unsigned reason, void *reserved) { return 1; }\n"

_FILES = ("panda3d/MSVCP*.dll", "deploy_libs/*.*")
"""What the wheels hold for a Python: the C++ runtime, and the interpreter with its libraries."""


class AssemblyError(Exception):
    """A mistake in the inputs; its text says what to do."""


@dataclass(frozen=True)
class MinGW:
    """MinGW's programs for one architecture, by the prefix of their names, as `x86_64-w64-mingw32-`."""

    prefix: str

    def link(self, arguments: Sequence[str], output: Path) -> None:
        """Compile and link. Raises AssemblyError if the compiler is missing or refuses."""
        run([f"{self.prefix}gcc", *_FLAGS, *arguments, "-o", str(output)])

    def resource(self, script: Path, output: Path) -> None:
        """Compile a resource script, whose file names are relative to its own folder."""
        command = [f"{self.prefix}windres", "-O", "coff", f"-I{script.parent}", str(script)]
        run([*command, str(output)])


def run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise AssemblyError(
            f"{command[0]} cannot be run: {error.strerror}. "
            "Install MinGW-w64 (Debian: apt-get install gcc-mingw-w64-x86-64)."
        ) from None
    if done.returncode:
        raise AssemblyError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")


def check_versions(library: Path, found: str) -> None:
    """Raises AssemblyError unless the DLL and this interpreter are of one patch level."""
    native = platform.python_version()
    if found != native:
        raise AssemblyError(
            f"{library.name} of the wheel is Python {found or 'of an unknown version'}, but the "
            f"standard library comes from {sys.executable}, which is Python {native}. They have to "
            f"be of the same patch level: set [pyinstaller].interpreter_constraints to "
            f'["CPython=={found}"] and install that interpreter, or lock a wheel that brings {native}.'
        )


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def copy_files(wheels: Path, python: Path) -> str:
    """Put the interpreter's own files and the standard library below `python`; the name of its DLL."""
    from windows_python import contents, images

    sources = {path.name: path for pattern in _FILES for path in sorted(wheels.glob(pattern))}
    library = contents.python_library(sources)
    if library is None:
        raise AssemblyError(f"the wheels hold no deploy_libs/pythonXY.dll: {wheels}")
    check_versions(sources[library], images.file_version(sources[library]))
    kept = [name for name in sources if contents.is_kept(name)]
    for name in contents.with_libraries(kept, sources, lambda name: images.imports(sources[name])):
        copy(sources[name], python / contents.destination(name))
    stdlib = Path(sysconfig.get_path("stdlib"))
    for folder, _, files in os.walk(stdlib):
        for name in files:
            path = Path(folder, name).relative_to(stdlib)
            if contents.is_library_file_kept(path.as_posix()):
                copy(stdlib / path, python / "Lib" / path)
    compile_library(python / "Lib")
    return library


def compile_library(folder: Path) -> None:
    """Bytecode beside the sources, valid by itself: each start under Wine would compile them anew."""
    done = compileall.compile_dir(
        folder,
        quiet=2,
        ddir="Lib",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise AssemblyError(f"a module of the standard library does not compile: {folder}")


def make_images(mingw: MinGW, python: Path, library: str, system32: Path, work: Path) -> None:
    """Compile what no wheel brings."""
    from windows_python import contents, images

    own = python / library
    manifest, definition, empty = work / "manifest.o", work / "python3.def", work / "empty.c"
    mingw.resource(_HERE / "python.rc", manifest)
    mingw.link(
        ["-municode", str(_HERE / "python.c"), str(manifest), str(own)], python / "python.exe"
    )
    definition.write_text(contents.forwarder(library, images.exports(own)))
    empty.write_text(_EMPTY)
    mingw.link([*_BARE, str(empty), str(definition), str(own)], python / "python3.dll")
    mingw.link(
        [*_BARE, str(_HERE / "bcryptprimitives.c"), "-ladvapi32"], system32 / "bcryptprimitives.dll"
    )


def assemble(wheels: Path, output: Path, mingw: MinGW) -> None:
    """Write `output`, which must not exist.

    Raises AssemblyError: no Python in the wheels, another patch level, a compiler that fails.
    """
    sys.path[:0] = [str(_HERE.parent), str(wheels)]
    python, system32 = output / "python", output / "system32"
    library = copy_files(wheels, python)
    system32.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        make_images(mingw, python, library, system32, Path(work))


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 3:
        print("usage: windows_python WHEELS OUTPUT MINGW", file=sys.stderr)
        return 2
    wheels, output, prefix = arguments
    try:
        assemble(Path(wheels).resolve(), Path(output), MinGW(prefix))
    except AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
