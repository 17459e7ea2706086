"""Where a module names another one: the file and the line behind an edge of the analysis.

The analysis keeps no lines. They are read here from the compiled code, which the layer has at hand: some hundred times
cheaper than to parse every source again.
"""

from __future__ import annotations

import dis
import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import NamedTuple

_IMPORT = dis.opmap["IMPORT_NAME"]
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_EXTENDED = dis.opmap["EXTENDED_ARG"]


class Place(NamedTuple):
    """Why one module names another: the kind of an edge, and where.

    :param line: 0 where it is not known.
    """

    kind: str
    line: int = 0
    detail: str = ""


@dataclass
class Text:
    """A module: its code and its source, as far as there are any."""

    name: str
    is_package: bool
    code: CodeType | None
    source: bytes = b""

    @functools.cached_property
    def imports(self) -> dict[str, int]:
        """See ``imports``."""
        return imports(self.code, self.name, self.is_package) if self.code else {}


def imports(code: CodeType, name: str, is_package: bool) -> dict[str, int]:
    """Every absolute name that import statements of a module may mean, parents included, with its first line."""
    found: dict[str, int] = {}
    package = name if is_package else name.rpartition(".")[0]
    for part in _code_objects(code):
        for base, names, level, line in _statements(part):
            absolute = _absolute(base, level, package)
            if not absolute:
                continue
            pieces = absolute.split(".")
            for end in range(1, len(pieces) + 1):
                _first(found, ".".join(pieces[:end]), line)
            for attribute in names:
                _first(found, f"{absolute}.{attribute}", line)
    return found


def _first(found: dict[str, int], name: str, line: int) -> None:
    known = found.get(name)
    if known is None or line < known:
        found[name] = line


def _code_objects(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_objects(constant)


def _statements(code: CodeType) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
    """(module, names, level, line) of the import statements in one code object."""
    text = code.co_code
    opcodes, arguments = text[::2], text[1::2]
    positions: list[tuple[int | None, int | None, int | None, int | None]] | None = None
    start = opcodes.find(_IMPORT)
    while start >= 0:
        name, before = _instruction(opcodes, arguments, start)
        names, first = _instruction(opcodes, arguments, before)
        level, _ = _instruction(opcodes, arguments, first)
        if positions is None:
            positions = list(code.co_positions())
        if opcodes[before] == _LOAD_CONST and name < len(code.co_names):  # else data of a cache
            listed = code.co_consts[names]
            depth = code.co_consts[level] if opcodes[first] == _LOAD_CONST else level
            if (listed is None or isinstance(listed, tuple)) and isinstance(depth, int):
                yield code.co_names[name], listed or (), depth, positions[start][0] or 0
        start = opcodes.find(_IMPORT, start + 1)


def _instruction(opcodes: bytes, arguments: bytes, at: int) -> tuple[int, int]:
    """(argument of the instruction at ``at``, where the one before it is)."""
    value, shift = arguments[at], 8
    at -= 1
    while at >= 0 and opcodes[at] == _EXTENDED:
        value |= arguments[at] << shift
        shift += 8
        at -= 1
    return value, at


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    parts = package.split(".") if package else []
    if level - 1 > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def places(module: Text, targets: Iterable[str], hooks: Hooks) -> dict[str, Place]:
    """Why ``module`` names each of ``targets``."""
    wanted = list(targets)
    named = module.imports
    found: dict[str, Place] = {}
    for target in wanted:
        if target in named:
            found[target] = Place("import", named[target])
        elif module.name.startswith(target + "."):
            found[target] = Place("package")
        else:
            found[target] = (
                _in_text(module, target) or hooks.place(module.name, target) or Place("analysis")
            )
    return found


def _in_text(module: Text, target: str) -> Place | None:
    """A statement that the compiler dropped, or a string that names the module or the beginning of its name."""
    last = target.rpartition(".")[2].encode()
    if last not in module.source and b"import_module" not in module.source:
        return _computed(module, target)
    tail, whole = re.escape(last), re.escape(target.encode())
    for kind, pattern in (
        ("import", rb"(?m)^[ \t]*(?:from|import)\b[^#\n]*\b%s\b" % tail),
        ("named", rb"[\"']\.?%s[\"':.]" % whole),
        ("named", rb"[\"']\.%s[\"':.]" % tail),
    ):
        match = re.search(pattern, module.source)
        if match:
            return Place(kind, module.source.count(b"\n", 0, match.start()) + 1)
    return _computed(module, target)


def _computed(module: Text, target: str) -> Place | None:
    """The line at which a module of the same package imports by a name that it computes."""
    loads = re.search(rb"\b(import_module|__import__|iter_modules|walk_packages)\b", module.source)
    package = target.rpartition(".")[0]
    if loads and package and (module.name == package or module.name.startswith(package + ".")):
        return Place("named", module.source.count(b"\n", 0, loads.start()) + 1)
    return None


class Hooks:
    """PyInstaller's hooks as files: which of them names what.

    :param directories: those that count first come first.
    """

    def __init__(self, directories: Sequence[str]) -> None:
        self._files: dict[str, str] = {}
        self._texts: dict[str, bytes] = {}
        for directory in directories:
            for file in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
                if file.startswith("hook-") and file.endswith(".py"):
                    self._files.setdefault(file[len("hook-") : -3], os.path.join(directory, file))

    def of(self, module: str) -> str:
        """File name of the hook for ``module``, "" for none."""
        path = self._files.get(module)
        return os.path.basename(path) if path else ""

    def drops_imports(self, module: str) -> bool:
        """Whether the hook of ``module`` names imports that do not count."""
        return b"excludedimports" in self._text(module)

    def _text(self, module: str) -> bytes:
        path = self._files.get(module, "")
        if path not in self._texts:
            with open(path or os.devnull, "rb") as file:
                self._texts[path] = file.read()
        return self._texts[path]

    def place(self, module: str, target: str) -> Place | None:
        """Where the hook of ``module`` names ``target``; its first line if it collects it by other means."""
        path = self._files.get(module)
        if path is None:
            return None
        text = self._text(module)
        position = text.find(target.encode())
        line = text.count(b"\n", 0, position) + 1 if position >= 0 else 0
        return Place("hook", line, os.path.basename(path))


def hook_directories(tool: str, site: str, own: Sequence[str]) -> list[str]:
    """Where hooks lie, the user's first: below PyInstaller, its contributed ones, and those of distributions."""
    found = list(own)
    for root in (site, tool):
        for folder in sorted(os.listdir(root)) if os.path.isdir(root) else ():
            found += [
                os.path.join(root, folder, name)
                for name in ("__pyinstaller", "_pyinstaller", "hooks", "stdhooks")
                if os.path.isdir(os.path.join(root, folder, name))
            ]
    return found
