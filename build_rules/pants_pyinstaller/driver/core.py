"""An interpreter for macOS, put together where it cannot run: see ``analysis.foreign``.

No distribution of it is needed. A wheel brings python.org's own libpython, extension modules and what these load, for
both architectures; the standard library's modules are those of the interpreter that runs this, of the same
release.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import shutil
import sysconfig
from typing import Any

import tomllib

from . import contract
from .analysis import foreign
from .errors import DriverError
from .macho import image
from .progress import step

_SKIPPED = frozenset(
    {
        *("__pycache__", "site-packages", "dist-packages", foreign.EXTENSIONS),
        *("ensurepip", "idlelib", "test", "tests", "tkinter", "turtledemo"),
    }
)
_NOT_A_PLUGIN = re.compile(r"_test.*|xx.*|.*_test\..*|_xx.*")
_EXTENSIONS = f"{foreign.LIBRARY}/{foreign.EXTENSIONS}"
_INITIALISER = "PyInit_"
_OTHER_BUILTINS = ("_warnings", "builtins", "marshal", "sys")
"""Builtin modules whose initialising function is called otherwise."""


def run(request: contract.CoreRequest) -> None:
    """Write the interpreter of ``request``.

    :raises DriverError: no libpython for macOS in the wheels, another release, a library that nobody names.
    """
    found = sorted(glob.glob(os.path.join(request.wheels, "*", "libpython3*.dylib")))
    found = found or sorted(glob.glob(os.path.join(request.wheels, "libpython3*.dylib")))
    if len(found) != 1:
        raise DriverError(f"the wheels hold {len(found)} libpython3.*.dylib for macOS, not one")
    folder, library = os.path.split(found[0])
    with open(found[0], "rb") as file:
        own = image.thin(file.read(), request.machine)
    _check_release(own)
    os.makedirs(os.path.join(request.output, _EXTENSIONS))
    kept: dict[str, bytes] = {library: own}
    suffix = f".cpython-3{platform.python_version_tuple()[1]}-darwin.so"
    for name in sorted(os.listdir(folder)):
        if name.endswith(suffix) and not _NOT_A_PLUGIN.fullmatch(name):
            kept[name] = _read(folder, name, request.machine)
    _add_libraries(kept, folder, request.machine)
    for name, content in kept.items():
        place = "" if name == library else _EXTENSIONS
        with open(os.path.join(request.output, place, name), "wb") as file:
            file.write(content)
    _copy_library(request.output)
    _copy_configuration(folder, request.output)
    _write(request, contract.INTERPRETER_LIBRARIES, _components(request, kept, library))
    _write(request, contract.FOREIGN, _description(kept, library, request.machine, suffix))
    step(f"core: Python {platform.python_version()} for macOS {request.machine}, {len(kept)} files")


def _read(folder: str, name: str, machine: str) -> bytes:
    with open(os.path.join(folder, name), "rb") as file:
        return image.thin(file.read(), machine)


def _check_release(libpython: bytes) -> None:
    stated = re.search(rb"v(3\.\d+\.\d+\w*)\0", libpython)
    release = stated[1].decode() if stated else "an unknown release"
    if release != platform.python_version():
        raise DriverError(
            f"the wheels bring Python {release} for macOS, but its standard library would be that of this machine's "
            f"Python {platform.python_version()}"
        )


def _add_libraries(kept: dict[str, bytes], folder: str, machine: str) -> None:
    """Add what the extension modules load of the files beside them."""
    waiting = list(kept)
    while waiting:
        for path in image.libraries(kept[waiting.pop()]):
            name = path.rpartition("/")[2]
            if image.is_of_system(path) or name in kept:
                continue
            if not os.path.isfile(os.path.join(folder, name)):
                raise DriverError(f"the wheels lack {name}, which an extension module loads")
            kept[name] = _read(folder, name, machine)
            waiting.append(name)


def _copy_library(output: str) -> None:
    """The standard library's modules of the interpreter that runs this."""
    stdlib = os.path.realpath(sysconfig.get_path("stdlib"))
    for directory, names, files in os.walk(stdlib):
        inside = os.path.relpath(directory, stdlib)
        names[:] = sorted(
            name for name in names if name not in _SKIPPED and not name.startswith("config-")
        )
        target = os.path.join(output, foreign.LIBRARY, inside)
        os.makedirs(target, exist_ok=True)
        for name in sorted(files):
            if name.startswith("_sysconfigdata_") or name.endswith((".so", ".a", ".pyc")):
                continue
            shutil.copyfile(os.path.join(directory, name), os.path.join(target, name))


def _copy_configuration(folder: str, output: str) -> None:
    """``_sysconfigdata_*``, the one module of the standard library that differs from one platform to the next."""
    found = glob.glob(os.path.join(folder, "_sysconfigdata_*_darwin*.py"))
    if not found:
        raise DriverError("the wheels lack _sysconfigdata_*_darwin.py")
    for path in found:
        shutil.copyfile(path, os.path.join(output, foreign.LIBRARY, os.path.basename(path)))


def _description(
    kept: dict[str, bytes], library: str, machine: str, suffix: str
) -> dict[str, object]:
    """What ``foreign.read`` reads."""
    builtins = {
        name.removeprefix(_INITIALISER)
        for name in image.defined_symbols(kept[library])
        if name.startswith(_INITIALISER)
    }
    stated = b"".join(content for name, content in kept.items() if name.startswith("libcrypto"))
    file = re.search(rb"/[ -~]*/cert\.pem(?=\0)", stated)
    folder = re.search(rb"/[ -~]*/certs(?=\0)", stated)
    return {
        "version": platform.python_version(),
        "platform": "darwin",
        "multiarch": "darwin",
        "system": "Darwin",
        "machine": machine,
        "builtins": sorted({*builtins, *_OTHER_BUILTINS}),
        "suffixes": [suffix, ".abi3.so", ".so"],
        "library": library,
        "ca_file": file[0].decode() if file else "",
        "ca_path": folder[0].decode() if folder else "",
    }


def _components(
    request: contract.CoreRequest, kept: dict[str, bytes], library: str
) -> dict[str, Any]:
    """What is inside of other projects, for notices and bills of materials; see contract.INTERPRETER_LIBRARIES.

    :raises DriverError: a version that the file does not state, or a library that the table lacks.
    """
    texts: dict[str, str] = {}
    for path in request.texts:
        texts |= {item["name"]: item["text"] for item in _table(path)}
    libraries: dict[str, dict[str, str]] = {}
    used: dict[str, str] = {}
    for item in _table(request.components):
        name, files = item["name"], [file for file in item["files"] if file in kept]
        if not files:
            continue
        content = b"".join(kept[file] for file in files)
        stated = re.search(item["version"].encode(), content)
        if stated is None:
            raise DriverError(
                f"{', '.join(files)} do not state which {name} they hold ({request.components})"
            )
        for file in files:
            libraries[f"{_EXTENSIONS}/{file}"] = {
                "package": name,
                "version": stated[1].decode(),
                "license": item["license"],
            }
        used[name] = item.get("text") or texts[name]
    unnamed = sorted(
        name
        for name in kept
        if name.startswith("lib") and name != library and f"{_EXTENSIONS}/{name}" not in libraries
    )
    if unnamed:
        raise DriverError(f"{request.components} does not name {', '.join(unnamed)}")
    return {"libraries": libraries, "texts": used}


def _table(path: str) -> list[dict[str, Any]]:
    with open(path, "rb") as file:
        found: list[dict[str, Any]] = tomllib.load(file)["component"]
    return found


def _write(request: contract.CoreRequest, name: str, content: object) -> None:
    with open(os.path.join(request.output, name), "w", encoding="utf-8", newline="\n") as file:
        json.dump(content, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
