"""Whether a program, once it runs, installs an import hook that loads modules from their sources.

The check sees the hooks that importing first-party modules installs. What the program's own first lines or its entry
function install shows in the sources alone, for nothing may run them at build time. The functions that are called
from there are followed through first-party code and through distributions that have such a hook.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .distributions import absolute

PLACES = ("meta_path", "path_hooks")
"""Lists of ``sys`` that an import hook joins."""
LOADERS = ("SourceFileLoader", "SourceLoader", "source_to_code", "decode_source")
"""What a hook that loads sources names."""


@dataclass(frozen=True)
class _Module:
    """A source.

    :param package: where its relative imports begin; ``loads``: whether it names a loader of sources.
    :param defined: the functions and classes of its top level; ``names``: dotted names of what it imports.
    """

    package: str
    tree: ast.Module
    loads: bool
    defined: dict[str, ast.AST]
    names: dict[str, str]


def may_install(text: bytes) -> bool:
    """Whether a module of this source may hold an import hook that loads sources."""
    return any(name.encode() in text for name in PLACES) and any(
        name.encode() in text for name in LOADERS
    )


def installs(start: str, function: str, read: Callable[[str], tuple[bytes, bool] | None]) -> bool:
    """Whether ``function`` of the module ``start``, or the module's own body where it is "", installs such a hook.

    :param read: a module's source, and whether it is a package's; None for a module that is not followed.
    """
    known: dict[str, _Module | None] = {}

    def module(name: str) -> _Module | None:
        if name not in known:
            found = read(name)
            known[name] = _parse(name, *found) if found else None
        return known[name]

    seen: set[str] = set()
    waiting = [f"{start}.{function}".rstrip(".")]
    joins = loads = False
    while waiting and not (joins and loads):
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        base, rest = name, ""
        while base and not module(base):
            base, _, last = base.rpartition(".")
            rest = f"{last}.{rest}".rstrip(".")
        found = module(base) if base else None
        if found is None:
            continue
        top, _, rest = rest.partition(".")
        if top in found.names:
            waiting.append(f"{found.names[top]}.{rest}".rstrip("."))
        elif top in found.defined or name == start:
            body = found.defined.get(top, found.tree)
            joins |= any(_dotted(node).rpartition(".")[2] in PLACES for node in ast.walk(body))
            loads |= found.loads
            names = {**found.names, **_imported(body, found.package)}
            for used in map(_dotted, ast.walk(body)):
                head, _, tail = used.partition(".")
                if head in names:
                    waiting.append(f"{names[head]}.{tail}".rstrip("."))
                elif head in found.defined:
                    waiting.append(f"{base}.{head}")
    return joins and loads


def _parse(name: str, text: bytes, package: bool) -> _Module | None:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    loads = any(word.encode() in text for word in LOADERS)
    defined: dict[str, ast.AST] = {}
    for node in _statements(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined[node.name] = node
    within = name if package else name.rpartition(".")[0]
    return _Module(within, tree, loads, defined, _imported(tree, within))


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module's top level, those within ``if`` and ``try`` too."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.stmt):
                yield node
                if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    waiting.append(node)


def _imported(body: ast.AST, package: str) -> dict[str, str]:
    """Name -> dotted name of what it stands for, for each name that an import statement in ``body`` binds.

    :param package: the package that relative imports begin at.
    """
    names = {}
    for node in ast.walk(body):
        if isinstance(node, ast.Import):
            for item in node.names:
                bound = item.asname or item.name.partition(".")[0]
                names[bound] = item.name if item.asname else bound
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node.module or "", node.level, package)
            for item in node.names:
                names[item.asname or item.name] = f"{base}.{item.name}"
    return names


def _dotted(node: ast.AST) -> str:
    """``a.b.c`` for such an expression, "" for others."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
