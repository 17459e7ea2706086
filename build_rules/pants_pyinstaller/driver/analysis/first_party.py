"""The application's own modules: found, compiled, and their imports resolved against the layer."""

from __future__ import annotations

import ast
import collections
import marshal
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType

from ..errors import DriverError
from ..index import Index
from . import compiled, entry_points, scan, selection
from .distributions import absolute, module_of, normalize

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_NO_DATA_NAMES = ("BUILD", "BUILD.pants", "py.typed", ".gitignore", "conftest.py")
_NO_DATA_SUFFIXES = (".py", ".pyc", ".pyi", ".so", ".pyd")


@dataclass
class Source:
    """One first-party module.

    :param kind: "module", "package", "namespace" or "extension".
    :param path: in the sandbox; "" for a namespace.
    :param dest: path below its source root.
    :param blob: compressed code, empty for an extension or a namespace.
    :param constants: its short string constants.
    :param text: its source.
    """

    name: str
    kind: str
    path: str
    dest: str
    blob: bytes
    scan: scan.Scan
    constants: frozenset[str] = frozenset()
    text: bytes = b""

    @property
    def package(self) -> str:
        """Where its relative imports begin."""
        return self.name if self.kind == "package" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Missing:
    """An import that nothing provides: who imports what, and how (see ``scan.Flags``)."""

    name: str
    importer: str
    how: str


def read_sources(roots: Sequence[str], optimize: int) -> tuple[dict[str, Source], dict[str, str]]:
    """First-party modules by name, and data files: destination -> path. Earlier roots win.

    :raises DriverError: a file that does not compile.
    """
    sources: dict[str, Source] = {}
    data: dict[str, str] = {}
    for root in roots:
        for directory, names, files in os.walk(root, followlinks=True):
            names[:] = sorted(name for name in names if name != "__pycache__")
            for file in sorted(files):
                path = os.path.join(directory, file)
                dest = os.path.relpath(path, root).replace(os.sep, "/")
                name = module_of(dest, by_name=True)
                if name is not None:
                    known = sources.get(name)
                    if (
                        known is None
                        or known.kind == "namespace"
                        or _is_twin(known, path)  # a package hides the module beside it
                    ):
                        sources[name] = _source(name, path, dest, optimize)
                elif (
                    file not in _NO_DATA_NAMES
                    and not file.endswith(_NO_DATA_SUFFIXES)
                    and os.path.exists(path)  # a link may lead nowhere
                ):
                    data.setdefault(dest, path)
    for name in list(sources):
        parent = name.rpartition(".")[0]
        while parent and parent not in sources:
            sources[parent] = Source(parent, "namespace", "", "", b"", scan.Scan((), frozenset()))
            parent = parent.rpartition(".")[0]
    return sources, data


def _is_twin(module: Source, path: str) -> bool:
    """Whether ``path`` is the package beside ``module`` that has its name."""
    folder, file = os.path.split(path)
    return (
        file == "__init__.py"
        and module.kind != "package"
        and folder == os.path.join(os.path.dirname(module.path), module.name.rpartition(".")[2])
    )


def _source(name: str, path: str, dest: str, optimize: int) -> Source:
    if not path.endswith(".py"):
        return Source(name, "extension", path, dest, b"", scan.Scan((), frozenset()))
    with open(path, "rb") as file:
        text = file.read()
    code, result = compile_own(text, dest, path, optimize)
    kind = "package" if dest.endswith("__init__.py") else "module"
    return Source(
        name,
        kind,
        path,
        dest,
        zlib.compress(marshal.dumps(code), compiled.PYZ_LEVEL),
        result,
        frozenset(scan.constants(code)),
        text,
    )


def compile_own(text: bytes, dest: str, path: str, optimize: int) -> tuple[CodeType, scan.Scan]:
    """Code and scan of one of the program's own sources.

    :param dest: the ``co_filename``.
    :param path: for messages.
    :raises DriverError: it does not compile.
    """
    code, result = compiled.compile_module(text, dest, optimize)
    if code is not None:
        return code, result
    try:
        compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
        raise DriverError(f"{path}{line}: {getattr(error, 'msg', error)}") from None
    raise DriverError(f"{path}: cannot be compiled")


def compile_script(text: bytes, dest: str, path: str, optimize: int = 0) -> tuple[bytes, Source]:
    """Marshalled code of a script that is not a module, and the source to look for its imports in.

    :raises DriverError: as ``compile_own``.
    """
    code, result = compile_own(text, dest, path, optimize)
    named = frozenset(scan.constants(code))
    return marshal.dumps(code), Source("__main__", "module", "", "", b"", result, named, text)


def resolve_imports(
    sources: Mapping[str, Source], index: Index, shadowed: Iterable[str]
) -> tuple[set[str], list[Missing]]:
    """Modules of the layer that first-party code imports, and imports that nothing provides."""
    known_shadowed = set(shadowed)
    wanted: set[str] = set()
    missing: list[Missing] = []
    for source in sources.values():
        found, absent = imports_of(source, sources, index, known_shadowed)
        wanted |= found
        if absent:
            missing.extend(_describe(source, absent))
    return wanted, missing


def imports_of(
    source: Source, sources: Mapping[str, Source], index: Index, shadowed: set[str]
) -> tuple[set[str], set[str]]:
    """Names of the layer that ``source`` imports, and names that do not exist."""
    wanted: set[str] = set()
    absent: set[str] = set()

    def exists(name: str) -> bool:
        if name in sources:
            return True
        return name.partition(".")[0] not in shadowed and index.is_present(name)

    def follow(name: str) -> bool:
        """Add ``name`` and its parents; False (and noted) where one does not exist."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            part = ".".join(parts[:end])
            if not exists(part):
                parent = index.node(".".join(parts[: end - 1])) if end > 1 else None
                if parent is not None and parent.kind in (
                    "runtime",
                    "alias",
                    "extension",
                    "builtin",
                ):
                    return True  # a module that makes its submodules itself
                absent.add(part)
                return False
            if part not in sources:
                wanted.add(part)
        return True

    for base, attributes in absolute_imports(source):
        if follow(base):
            for attribute in attributes:
                if exists(f"{base}.{attribute}"):
                    follow(f"{base}.{attribute}")
    package = source.package
    for name in source.scan.dynamic:
        if not name.startswith(".") and exists(name):
            follow(name)
    for name in source.scan.started:
        for found in (name, f"{name}.__main__"):
            if exists(found):
                follow(found)
    known_groups = {group for dist in index.dists for group in dist.entry_points}
    for group in entry_points.finder(known_groups)(source.text, True):
        for _, modules in selection.plugins_of_group(index, group):
            wanted.update(name for name in modules if exists(name))
    for prefix in source.scan.prefixes:
        whole = package + prefix if prefix.startswith(".") else prefix
        parent = whole.rpartition(".")[0]
        wanted.update(
            name
            for name in index.names
            if name.startswith(whole) and name.rpartition(".")[0] == parent and exists(name)
        )
    wanted.update(_named(source, sources, index, exists))
    for name in source.scan.iterated:
        prefix = (package if name == "." else name) + "."
        for candidate in index.names:
            if (
                candidate.startswith(prefix)
                and "." not in candidate[len(prefix) :]
                and exists(candidate)
            ):
                wanted.add(candidate)
    return wanted, absent


def _named(
    source: Source,
    sources: Mapping[str, Source],
    index: Index,
    exists: Callable[[str], bool],
) -> Iterator[str]:
    """Modules of the lock that a string of ``source`` names, for somebody to import: ``package.module``, also with an
    attribute. A name without a dot may be any word: it counts where the module, or one that it imports, imports by
    name, and in a list beside a name with a dot (Django's INSTALLED_APPS).
    """

    def module_of_lock(text: str) -> str:
        name, colon, _ = text.partition(":")
        while "." in name and not exists(name) and not colon:
            name = name.rpartition(".")[0]
        if _MODULE.fullmatch(name) and name not in sources and exists(name):
            node = index.node(name)
            if node is not None and node.owner >= 0:
                return name
        return ""

    found = {text: name for text in source.constants if (name := module_of_lock(text))}
    loads = source.scan.loads or any(
        base in sources and sources[base].scan.loads
        for imported in absolute_imports(source)
        for base in (imported[0], *(f"{imported[0]}.{attribute}" for attribute in imported[1]))
    )
    dotted = {text for text, name in found.items() if "." in name}
    yield from (name for text, name in found.items() if loads or text in dotted)
    if not loads and dotted and len(found) > len(dotted):
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
                texts = {item.value for item in node.elts if isinstance(item, ast.Constant)}
                if texts & dotted:
                    yield from (name for text, name in found.items() if text in texts)


def named_distributions(sources: Iterable[Source], index: Index) -> set[int]:
    """Numbers of the distributions whose metadata first-party code may ask for: those that a string names in a module
    that imports an API of metadata.
    """
    by_key = {dist.key: number for number, dist in enumerate(index.dists)}
    found: set[int] = set()
    for source in sources:
        if any(
            api in (base, *(f"{base}.{attribute}" for attribute in attributes))
            for base, attributes in absolute_imports(source)
            for api in ("importlib.metadata", "importlib_metadata", "pkg_resources")
        ):
            keys = {normalize(text) for text in source.constants}
            found |= {by_key[key] for key in keys & set(by_key)}
    return found


def without(
    sources: Mapping[str, Source], unfollowed: Mapping[str, Iterable[str]]
) -> dict[str, Source]:
    """``sources`` less the imports that hooks take away (``excludedimports``).

    :param unfollowed: first-party module -> modules whose import by it, or by a module below it, does not count.
    """
    found = dict(sources)
    for name, source in sources.items():
        out = unfollowed_by(name, unfollowed)
        if not out:
            continue
        package = source.package
        kept = []
        for item in source.scan.imports:
            base = absolute(item.name, item.level, package)
            if base and not selection.is_under(base, out):
                left = [text for text in item.attributes or () if f"{base}.{text}" not in out]
                kept.append(
                    scan.Import(base, tuple(left) if item.attributes else None, 0, item.star)
                )
        dynamic = tuple(text for text in source.scan.dynamic if not selection.is_under(text, out))
        iterated = tuple(
            text
            for text in source.scan.iterated
            if not selection.is_under(package if text == "." else text, out)
        )
        changed = source.scan._replace(imports=tuple(kept), dynamic=dynamic, iterated=iterated)
        found[name] = replace(source, scan=changed)
    return found


def reach(sources: Mapping[str, Source], start: Iterable[str]) -> list[str]:
    """First-party modules that import statements lead to from the names ``start``, their packages included, the
    nearest first.
    """
    found: dict[str, None] = {}
    waiting = collections.deque(start)
    while waiting:
        name = waiting.popleft()
        while name and (name not in sources or name in found):
            name = name.rpartition(".")[0]
        if name:
            found[name] = None
            waiting.append(name.rpartition(".")[0])
            for base, attributes in absolute_imports(sources[name]):
                waiting += [base, *(f"{base}.{attribute}" for attribute in attributes)]
    return list(found)


def unfollowed_by(module: str, unfollowed: Mapping[str, Iterable[str]]) -> set[str]:
    """What ``module`` imports in vain: see ``without``. What is excluded goes on importing its own modules."""
    return {
        gone
        for owner, names in unfollowed.items()
        if selection.is_under(module, (owner,))
        for gone in names
        if not selection.is_under(module, (gone,))
    }


def absolute_imports(source: Source) -> list[tuple[str, tuple[str, ...]]]:
    """(module, attributes) of each import statement, relative ones made absolute."""
    package = source.package
    found = (
        (absolute(item.name, item.level, package), item.attributes or ())
        for item in source.scan.imports
    )
    return [(base, attributes) for base, attributes in found if base]


def _describe(source: Source, absent: set[str]) -> list[Missing]:
    how: dict[str, str] = {}
    for item, flags in scan.imports_with_flags(source.text):
        for name in selection.lineage(absolute(item.name, item.level, source.package)):
            how.setdefault(name, flags.describe())
    return [Missing(name, source.name, how.get(name, "top-level")) for name in sorted(absent)]
