"""What first-party code imports, and under which conditions: the statements themselves, nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import first_party, scan
from .distributions import absolute

_SEARCHED = ("sys.path", "sys.modules", "sys.meta_path", "sys.path_hooks", "site.addsitedir")
"""What decides what an import finds."""


@dataclass(frozen=True)
class Statement:
    """One import statement of a first-party module, relative names made absolute.

    :param certain: executed whenever the module is; ``needed``: also one inside a function, but neither in ``if`` nor
        in ``try``.
    """

    importer: str
    base: str
    attributes: tuple[str, ...]
    certain: bool
    needed: bool


def statements(source: first_party.Source, runs: bool = True) -> list[Statement]:
    """The import statements of ``source`` in their order; none for what is not Python source.

    :param runs: whether the proof executes the module. If not, its earlier lines may decide what a later import
        finds: nothing after a call is certain, nothing after a change of where Python looks is certain or needed.
    """
    if not source.path.endswith(".py"):
        return []
    text = source.text
    try:
        flagged = scan.imports_with_flags(text)
        certain, needed = (len(flagged), len(flagged)) if runs else _undisturbed(text)
    except (SyntaxError, ValueError):
        return []
    found = []
    for position, (item, flags) in enumerate(flagged):
        base = absolute(item.name, item.level, source.package)
        if base:
            always = not (flags.conditional or flags.optional)
            found.append(
                Statement(
                    source.name,
                    base,
                    item.attributes or (),
                    certain=always and not flags.delayed and position < min(certain, needed),
                    needed=always and position < needed,
                )
            )
    return found


def _undisturbed(text: bytes) -> tuple[int, int]:
    """How many import statements stand before the first call, and before the first change of where Python looks."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)

    def imports_before(disturbs: Callable[[ast.AST], bool]) -> int:
        first = next((node for node in tree.body if any(map(disturbs, _executed(node)))), None)
        start = len(lines) if first is None else first.lineno - 1
        return len(scan.imports_with_flags(b"".join(lines[:start])))

    return (
        imports_before(lambda node: isinstance(node, ast.Call)),
        imports_before(
            lambda node: isinstance(node, ast.Attribute) and ast.unparse(node) in _SEARCHED
        ),
    )


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and what is below it, less the bodies of functions."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = iter([*node.decorator_list, node.args])
    for child in children:
        if not isinstance(node, ast.Lambda):
            yield from _executed(child)


@dataclass(frozen=True)
class Own:
    """A first-party module.

    :param kind: see ``first_party.Source``.
    :param dest: path below its source root; ``path``: in the sandbox, "" where it has none there.
    """

    kind: str
    dest: str
    path: str


class Imports:
    """The statements of all first-party modules, and what they reach.

    :param of: module -> its statements.
    :param start: first-party modules that the program begins with.
    """

    def __init__(
        self,
        own: Mapping[str, Own],
        of: Mapping[str, Sequence[Statement]],
        start: Iterable[str],
    ) -> None:
        self.own, self.of = own, of
        self.certain = self._reach(start, certain=True)
        self.needed = self._reach(start, certain=False)

    def _reach(self, start: Iterable[str], certain: bool) -> set[str]:
        """Modules, first-party or not, that are imported without a condition."""
        found: set[str] = set()
        waiting = list(start)
        while waiting:
            name = waiting.pop()
            while name and name not in found:
                found.add(name)
                for item in self.of.get(name, ()):
                    if item.certain if certain else item.needed:
                        waiting.append(item.base)
                        waiting += [f"{item.base}.{text}" for text in item.attributes]
                name = name.rpartition(".")[0]
        return found

    def users(self, name: str) -> list[str]:
        """First-party modules that import ``name``, or a module or attribute of that name."""
        return sorted(
            {
                item.importer
                for found in self.of.values()
                for item in found
                if item.base == name
                or item.base.startswith(name + ".")
                or name in (f"{item.base}.{text}" for text in item.attributes)
            }
        )

    def place(self, importer: str, name: str) -> str:
        """``file:line`` of the first statement of ``importer`` that names ``name``."""
        module = self.own[importer]
        with open(module.path, "rb") as file:
            tree = ast.parse(file.read())
        tail = name.rpartition(".")[2]
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                base = getattr(node, "module", None) or ""
                names = [alias.name for alias in node.names]
                if tail in names or name in names or base == name:
                    return f"{module.dest}:{node.lineno}"
        return module.dest
