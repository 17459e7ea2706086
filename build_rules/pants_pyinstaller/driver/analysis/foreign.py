"""Analysis for a platform whose programs cannot run on this machine, by an interpreter of the same release.

The interpreter that runs this answers for the one that goes into the executable: ``sys.platform`` and its like name
the target, its standard library and site directory are searched with the target's suffixes. So PyInstaller and its
hooks take the target's branches. Code that a hook imports runs in PyInstaller's child processes; these see the same
lock's wheels for *this* machine, the reference, and what they answer is put back into terms of the target.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .. import contract
from ..errors import DriverError

_LOOK_ONCE = (
    *("asyncio", "ctypes.util", "multiprocessing.spawn", "shutil", "socket", "subprocess"),
    *("tempfile", "urllib.request", "uuid", "webbrowser"),
)
"""Modules of the standard library that choose by ``sys.platform`` when they are imported: this process stays on what
it is."""

EXTENSIONS = "lib-dynload"
LIBRARY = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"
"""Directory of the standard library's modules, below the interpreter's; EXTENSIONS lies in it."""


@dataclass(frozen=True)
class Interpreter:
    """What a foreign interpreter says of itself in contract.FOREIGN.

    :param root: absolute path of its directory, with LIBRARY.
    :param version: its release, such as ``3.13.0``.
    :param platform, multiarch, system, machine: ``sys.platform``, ``sys.implementation._multiarch``,
        ``platform.system()`` and ``platform.machine()`` on it.
    :param builtins: ``sys.builtin_module_names``.
    :param suffixes: of extension modules, the most specific first.
    :param library: file name of its libpython, in its directory.
    :param ca_file, ca_path: where its OpenSSL looks for certificates.
    """

    root: str
    version: str
    platform: str
    multiarch: str
    system: str
    machine: str
    builtins: tuple[str, ...]
    suffixes: tuple[str, ...]
    library: str
    ca_file: str
    ca_path: str

    @property
    def library_path(self) -> str:
        """Its libpython."""
        return os.path.join(self.root, self.library)

    @property
    def modules(self) -> str:
        """Directory of the standard library's modules."""
        return os.path.join(self.root, *LIBRARY.split("/"))

    @property
    def extensions(self) -> str:
        """Directory of the standard library's extension modules."""
        return os.path.join(self.modules, EXTENSIONS)


_adopted: Interpreter | None = None
_running_paths: list[str] = []


def adopted() -> Interpreter | None:
    """The interpreter that this process answers for; None: itself."""
    return _adopted


def running_paths() -> list[str]:
    """sys.path of this process's own standard library, where it answers for another."""
    return list(_running_paths)


def read(root: str) -> Interpreter:
    """The interpreter in the directory ``root``.

    :raises DriverError: it is not of the release that runs this.
    """
    with open(os.path.join(root, contract.FOREIGN), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    known = {item.name for item in fields(Interpreter)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in known
    }
    made = Interpreter(root=os.path.realpath(root), **values)
    if made.version != platform.python_version():
        raise DriverError(
            f"Python {made.version} for {made.system} needs the modules and the bytecode of the same release, but this "
            f"is {platform.python_version()}"
        )
    return made


def adopt(root: str) -> None:
    """Answer for the interpreter in ``root`` from now on. Once in a process, before PyInstaller is imported.

    :raises DriverError: it is not of the release that runs this.
    """
    global _adopted
    made = read(root)
    _running_paths[:] = [
        path for path in sys.path if path and os.path.exists(path) and "site-packages" not in path
    ]
    for name in _LOOK_ONCE:
        importlib.import_module(name)
    sysconfig.get_config_vars()  # of this process, while it still knows where to read them
    sys.platform = made.platform
    setattr(sys.implementation, "_multiarch", made.multiarch)  # noqa: B010 (unknown to types)
    sys.builtin_module_names = made.builtins
    platform.system = lambda: made.system
    platform.machine = lambda: made.machine
    platform.mac_ver = lambda *_, **__: ("12.0", ("", "", ""), made.machine)
    importlib.machinery.EXTENSION_SUFFIXES[:] = made.suffixes
    _adopted = made


def search_with_suffixes(*roots: str) -> None:
    """Have the directories below ``roots`` searched for the target's extension modules, not for this machine's."""
    assert _adopted is not None
    machinery = importlib.machinery
    finder = machinery.FileFinder.path_hook(
        (machinery.ExtensionFileLoader, list(_adopted.suffixes)),
        (machinery.SourceFileLoader, machinery.SOURCE_SUFFIXES),
        (machinery.SourcelessFileLoader, machinery.BYTECODE_SUFFIXES),
    )
    inside = tuple(os.path.realpath(root) for root in roots)

    def hook(path: str) -> Any:
        real = os.path.realpath(path)
        if not any(real == root or real.startswith(root + os.sep) for root in inside):
            raise ImportError(f"{path} is not of the target")
        return finder(path)

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


def exchange(value: Any, old: str, new: str) -> Any:
    """``value``, as PyInstaller's child processes get and give it, with paths below ``old`` put below ``new``.

    >>> exchange(["/a", {"b": ("/a/c.py", "/ab")}], "/a", "/x")
    ['/x', {'b': ('/x/c.py', '/ab')}]
    """
    if isinstance(value, str):
        if value == old or value.startswith(old + os.sep):
            return new + value[len(old) :]
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(exchange(item, old, new) for item in value)
    if isinstance(value, dict):
        return {exchange(k, old, new): exchange(v, old, new) for k, v in value.items()}
    return value


_CHILD = """\
import runpy, sys
absent, *sys.argv = sys.argv[1:]
sys.modules.update(dict.fromkeys(absent.split(",")))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script that imports no extension module of the standard library which the target lacks."""


def _names(directory: str, suffix: str) -> set[str]:
    return {name.partition(".")[0] for name in os.listdir(directory) if name.endswith(suffix)}


def _extensions_here() -> set[str]:
    """Extension modules of the standard library that runs this."""
    found = [path for path in _running_paths if os.path.basename(path) == EXTENSIONS]
    return set().union(*(_names(path, ".so") for path in found))


def _extensions_there() -> set[str]:
    """The same of the target, and its builtin modules."""
    assert _adopted is not None
    return _names(_adopted.extensions, _adopted.suffixes[0]) | set(_adopted.builtins)


def extension_of(path: str) -> str:
    """``path``; for an extension module of the standard library that runs this, the target's of the same name."""
    folder, name = os.path.split(path)
    if _adopted is None or folder not in _running_paths or os.path.basename(folder) != EXTENSIONS:
        return path
    name = name.partition(".")[0] + _adopted.suffixes[0]
    return os.path.join(_adopted.extensions, name)


def answer_from(reference: str, site: str) -> None:
    """Have PyInstaller's child processes import from ``reference`` instead of ``site``.

    PyInstaller must be importable.
    """
    from PyInstaller import compat
    from PyInstaller.depend import bindepend
    from PyInstaller.isolated import _parent

    here, there = os.path.realpath(site), os.path.realpath(reference)
    send, call, environment = (
        _parent.Python._send,
        _parent.Python.call,
        _parent._subprocess_env,
    )

    def sent(self: Any, *objects: Any) -> None:
        send(self, *(exchange(item, here, there) for item in objects))

    def called(self: Any, function: Any, *arguments: Any, **named: Any) -> Any:
        return exchange(call(self, function, *arguments, **named), there, here)

    def environ() -> Mapping[str, str]:
        found = dict(environment())
        paths = found["PYTHONPATH"].split(os.pathsep)
        found["PYTHONPATH"] = os.pathsep.join(exchange(paths, here, there))
        return found

    absent = ",".join(sorted(_extensions_here() - _extensions_there()))

    def start(arguments: list[str], options: Any) -> tuple[list[str], Any]:
        return [sys.executable, "-c", _CHILD, absent, *arguments], options

    find = bindepend._get_imports_macholib

    def imports(*arguments: Any) -> Any:
        # Libraries are looked for where the interpreter's own file says, which is here its libpython.
        assert _adopted is not None
        executable, sys.executable = sys.executable, _adopted.library_path
        try:
            return find(*arguments)
        finally:
            sys.executable = executable

    bindepend._get_imports_macholib = imports
    # For macOS this would ask for an architecture of a universal interpreter.
    setattr(compat, "__wrap_python", start)
    _parent.Python._send = sent
    _parent.Python.call = called
    _parent._subprocess_env = environ


def sources(site: str) -> dict[str, bytes]:
    """Python sources below a site directory: path -> what they hold, as a digest."""
    found = {}
    for folder, _, names in os.walk(site):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").digest()
                found[os.path.relpath(path, site).replace(os.sep, "/")] = digest
    return found


def differences(site: str, reference: str) -> tuple[int, dict[str, str]]:
    """How many sources are equal in two installations of a lock, and those that are not.

    :returns: number of equal ones; path -> ``differs``, ``target only`` or ``reference only``.
    """
    here, there = sources(site), sources(reference)
    found = dict.fromkeys(here.keys() - there.keys(), "target only")
    found |= dict.fromkeys(there.keys() - here.keys(), "reference only")
    found |= {path: "differs" for path in here.keys() & there.keys() if here[path] != there[path]}
    return len(here.keys() & there.keys()) - sum(how == "differs" for how in found.values()), dict(
        sorted(found.items())
    )
