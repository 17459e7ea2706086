"""PyInstaller hooks of the program's own modules, run as PyInstaller runs hooks, with all that hooks may ask for.

The layer has run the hooks of third-party modules. A hook of a first-party module can only be run where the sources
are: here, with PyInstaller, the source roots and the resolve importable.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import DriverError
from ..index import Index
from . import first_party, pyinstaller

MODES = {
    "pyz": (True, False, False),
    "pyc": (False, False, True),
    "py": (False, True, False),
    "pyz+py": (True, True, False),
    "py+pyz": (True, True, False),
}
"""``module_collection_mode`` -> whether the module is in the PYZ, lies there as source, lies there compiled."""


@dataclass
class HookResults:
    """What the hooks ask for, together.

    :param hidden: module -> the hook that names it.
    :param excluded: see ``first_party.without``.
    :param data: destination -> path.
    :param binaries: the same of native files.
    :param modes: module -> key of MODES.
    """

    hidden: dict[str, str] = field(default_factory=dict)
    excluded: dict[str, set[str]] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    binaries: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)

    def mode(self, module: str) -> tuple[bool, bool, bool]:
        """The entry of MODES for ``module``: the innermost of its packages with a mode decides."""
        name = module
        while name and name not in self.modes:
            name = name.rpartition(".")[0]
        return MODES[self.modes[name]] if name else MODES["pyz"]


class HookApi:
    """What a function ``hook(hook_api)`` may call; see PyInstaller's PostGraphAPI."""

    def __init__(self, name: str, source: first_party.Source, namespace: dict[str, Any]) -> None:
        self.__name__ = name
        self.__file__ = os.path.abspath(source.path) if source.path else None
        self.__path__ = (
            (os.path.dirname(self.__file__ or ""),) if source.kind == "package" else None
        )
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"hook_api.{name} is not available to hooks of first-party modules; they have add_imports, del_imports, "
            "add_datas, add_binaries, set_module_collection_mode, __name__, __file__ and __path__"
        )

    def _extend(self, attribute: str, more: Iterable[Any]) -> None:
        self._namespace[attribute] = [*(self._namespace.get(attribute) or ()), *more]

    def add_imports(self, *module_names: str) -> None:
        """As ``hiddenimports``."""
        self._extend("hiddenimports", module_names)

    def del_imports(self, *module_names: str) -> None:
        """As ``excludedimports``."""
        self._extend("excludedimports", module_names)

    def add_datas(self, datas: Iterable[tuple[str, ...]]) -> None:
        """As ``datas``; also (destination, source, type)."""
        self._extend("datas", datas)

    def add_binaries(self, binaries: Iterable[tuple[str, ...]]) -> None:
        """As ``binaries``; also (destination, source, type)."""
        self._extend("binaries", binaries)

    def set_module_collection_mode(self, name: str | None, mode: str | None) -> None:
        """As ``module_collection_mode``; None for the hooked module, and for no mode."""
        name = name or self.__name__
        modes = _modes(self._namespace.get("module_collection_mode"), self.__name__)
        modes.pop(name, None)
        if mode is not None:
            modes[name] = mode
        self._namespace["module_collection_mode"] = modes


def is_loaded() -> bool:
    """Whether PyInstaller was needed, and hence can be imported."""
    return "PyInstaller" in sys.modules


def find(directories: Sequence[str], sources: Mapping[str, first_party.Source]) -> dict[str, str]:
    """First-party module -> its hook; an earlier directory wins."""
    found: dict[str, str] = {}
    for directory in directories:
        for file in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            if file.startswith("hook-") and file.endswith(".py") and file[5:-3] in sources:
                found.setdefault(file[5:-3], os.path.join(directory, file))
    return found


def run(
    directories: Sequence[str],
    sources: Mapping[str, first_party.Source],
    roots: Sequence[str],
    tool: str,
    site: str,
    start: Iterable[str],
    reference: str | None = None,
) -> tuple[HookResults, dict[str, first_party.Source]]:
    """Run the hooks of first-party modules, in the order in which the program reaches the modules.

    :param start: names that the program begins with.
    :param reference: see ``pyinstaller.load``.
    :return: what they ask for, and ``sources`` less the imports and the modules that ``excludedimports`` take away.
    :raises DriverError: a hook that fails, or that asks for something that does not exist.
    """
    results = HookResults()
    hooks = find(directories, sources)
    if not hooks:
        return results, dict(sources)
    start = list(start)
    reachable = first_party.reach(sources, start)
    waiting = dict(hooks)
    order = dict.fromkeys([*(name for name in reachable if name in hooks), *hooks])
    with tempfile.TemporaryDirectory() as work:
        pyinstaller.load(tool, site, work, roots, reference)
        while True:
            followed = first_party.without(sources, results.excluded)
            gone = set(reachable).difference(first_party.reach(followed, start))
            name = next((name for name in order if name in waiting and name not in gone), None)
            if name is None:
                return results, {key: item for key, item in followed.items() if key not in gone}
            path = waiting.pop(name)
            _add(results, name, path, _namespace(name, path, sources[name]))


def _namespace(name: str, path: str, source: first_party.Source) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__file__": os.path.abspath(path), "__name__": f"hook-{name}"}
    try:
        with open(path, "rb") as file:
            exec(compile(file.read(), path, "exec", dont_inherit=True), namespace)
        if callable(namespace.get("hook")):
            namespace["hook"](HookApi(name, source, namespace))
    except SyntaxError as error:
        raise DriverError(f"hooks: {error.filename}:{error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == path
        ]
        place = f"{path}:{lines[-1]}" if lines else path
        raise DriverError(f"hooks: {place}: {type(error).__name__}: {error}") from None
    return namespace


def _add(results: HookResults, name: str, path: str, namespace: dict[str, Any]) -> None:
    for module in namespace.get("hiddenimports") or ():
        results.hidden.setdefault(module, path)
    results.excluded.setdefault(name, set()).update(namespace.get("excludedimports") or ())
    results.data.update(_files(path, "datas", namespace))
    results.binaries.update(_files(path, "binaries", namespace))
    modes = _modes(namespace.get("module_collection_mode"), name)
    for module, mode in modes.items():
        if mode not in MODES:
            raise DriverError(
                f"hooks: {path}: module_collection_mode is {mode!r} for {module}: "
                f"expected one of {', '.join(MODES)}"
            )
        results.modes[module] = mode


def _modes(value: Any, name: str) -> dict[str, str]:
    return {name: value} if isinstance(value, str) else dict(value or {})


def _files(path: str, attribute: str, namespace: Mapping[str, Any]) -> dict[str, str]:
    utils = importlib.import_module("PyInstaller.building.utils")
    found: dict[str, str] = {}
    pairs = []
    for item in namespace.get(attribute) or ():
        if len(item) == 3:
            found[os.path.normpath(item[0]).replace(os.sep, "/")] = item[1]
        else:
            pairs.append(tuple(item))
    try:
        listed = utils.format_binaries_and_datas(pairs, os.path.dirname(os.path.abspath(path)))
    except (Exception, SystemExit) as error:
        text = str(error).removeprefix("ERROR: ")
        raise DriverError(f"hooks: {path}: {attribute}: {text}") from None
    for dest, source in sorted(listed):
        found[dest.replace(os.sep, "/")] = source
    return found


def with_libraries(
    binaries: Mapping[str, str], layer: Index, skipped: Iterable[str]
) -> tuple[dict[str, str], set[str]]:
    """Native files of hooks with the libraries that they load: (destination -> path, files of the layer).

    :param skipped: names of libraries that are wherever an executable starts.
    """
    if not binaries:
        return {}, set()
    build_main = importlib.import_module("PyInstaller.building.build_main")
    table = [(dest, path, "BINARY") for dest, path in binaries.items()]
    everywhere = set(skipped)
    own: dict[str, str] = dict(binaries)
    shared: set[str] = set()
    links: dict[str, str] = {}
    for dest, path, kind in build_main.find_binary_dependencies(table, [], set()):
        dest = os.path.normpath(dest).replace(os.sep, "/")
        if dest in layer.files:
            shared.add(dest)
        elif kind == "SYMLINK":
            links[dest] = os.path.normpath(os.path.join(os.path.dirname(dest), path))
        elif os.path.basename(dest) not in everywhere:
            own.setdefault(dest, path)
    for dest, target in links.items():
        target = target.replace(os.sep, "/")
        if target in own:
            own[dest] = own[target]
    return own, shared
