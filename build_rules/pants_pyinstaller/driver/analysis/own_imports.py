"""What first-party code imports, and under which conditions: the statements themselves, nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from . import first_party, scan


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


def statements(source: first_party.Source) -> list[Statement]:
    """The import statements of ``source`` in their order; none for what is no Python source."""
    if not source.path.endswith(".py"):
        return []
    with open(source.path, "rb") as file:
        text = file.read()
    try:
        flagged = scan.imports_with_flags(text)
    except (SyntaxError, ValueError):
        return []
    found = []
    for item, flags in flagged:
        one = first_party.Source(
            source.name, source.kind, "", "", b"", scan.Scan((item,), frozenset())
        )
        for base, attributes in first_party.absolute_imports(one):
            needed = not (flags.conditional or flags.optional)
            certain = needed and not flags.delayed
            found.append(Statement(source.name, base, attributes, certain, needed))
    return found


class Imports:
    """The statements of all first-party modules, and what they reach.

    :param start: first-party modules that the program begins with.
    """

    def __init__(self, sources: Mapping[str, first_party.Source], start: Iterable[str]) -> None:
        self.sources = sources
        self.of = {name: statements(source) for name, source in sources.items()}
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
        path = self.sources[importer].path
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
        tail = name.rpartition(".")[2]
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None) or ""
                names = [alias.name for alias in node.names]
                if tail in names or name in names or module == name:
                    return f"{self.sources[importer].dest}:{node.lineno}"
        return self.sources[importer].dest
