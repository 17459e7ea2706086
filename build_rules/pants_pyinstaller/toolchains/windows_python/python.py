"""A CPython for Windows, assembled on another system.

panda3d's wheel for Windows brings python.org's own pythonXY.dll, extension modules and libraries. The standard library
is that of the interpreter that runs this, which has to be of the same patch level. What no wheel has, MinGW makes of
the sources here: python.exe and python3.dll.
"""

from __future__ import annotations

import compileall
import os
import platform
import py_compile
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from . import components, contents, images
from .errors import AssemblyError
from .mingw import MinGW

_HERE = Path(__file__).resolve().parent
_EMPTY = "int __stdcall DllMain(void *image, unsigned reason, void *reserved) { return 1; }\n"

_FILES = ("deploy_libs/*.*", "Scripts/*.dll")
"""What the wheels hold for a Python: the interpreter with its libraries, and Microsoft's runtime, which replaces the
older one beside the interpreter.
"""


_RUNTIME = "vcruntime140.dll"


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


def check_runtime(python: Path) -> None:
    """Raises AssemblyError if Microsoft's runtime is older than the linker of a file that needs it."""
    linkers = {path.name: images.linker(path) for path in sorted((python / "DLLs").iterdir())}
    file, newest = contents.newest_linker(linkers)
    said = images.file_version(python / _RUNTIME)
    if tuple(map(int, said.split(".")[:2])) < newest:
        raise AssemblyError(
            f"{_RUNTIME} of the wheels is {said}, but {file} was linked by {newest[0]}.{newest[1]}, and the runtime "
            "must not be older: lock a newer msvc-runtime"
        )


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def copy_files(wheels: Path, python: Path) -> str:
    """Put the interpreter's own files and the standard library below `python`; the name of its DLL."""
    spelt = {path.name.lower(): path for part in _FILES for path in sorted(wheels.glob(part))}
    sources = {path.name: path for path in spelt.values()}
    library = contents.python_library(sources)
    if library is None:
        raise AssemblyError(f"the wheels hold no deploy_libs/pythonXY.dll: {wheels}")
    check_versions(sources[library], images.file_version(sources[library]))
    kept = [name for name in sources if contents.is_kept(name)]
    described = {}
    for name in contents.with_libraries(kept, sources, lambda name: images.imports(sources[name])):
        said = images.version_strings(sources[name])
        described[contents.destination(name)] = (
            said.get("CompanyName", ""),
            said.get("FileVersion", ""),
        )
        copy(sources[name], python / contents.destination(name))
    check_runtime(python)
    components.write(
        components.describe(components.read(), platform.python_version(), described), python
    )
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


def make_images(mingw: MinGW, python: Path, library: str, work: Path) -> None:
    """Compile what no wheel brings."""
    own = python / library
    manifest, definition, empty = work / "manifest.o", work / "python3.def", work / "empty.c"
    mingw.resource(_HERE / "python.rc", manifest)
    mingw.link(
        ["-municode", str(_HERE / "python.c"), str(manifest), str(own)], python / "python.exe"
    )
    definition.write_text(contents.forwarder(library, images.exports(own)))
    empty.write_text(_EMPTY)
    mingw.library([str(empty), str(definition), str(own)], python / "python3.dll")


def assemble(wheels: Path, python: Path, mingw: MinGW) -> None:
    """Write the folder `python`, which must not exist.

    Raises AssemblyError: no Python in the wheels, another patch level, a compiler that fails.
    """
    library = copy_files(wheels, python)
    with tempfile.TemporaryDirectory() as work:
        make_images(mingw, python, library, Path(work))
