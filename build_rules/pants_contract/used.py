"""What a backend uses of Pants: each name that it imports, and the arguments that it calls it with."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Use:
    """Keyword arguments, and how many positional ones at most, over all calls of a name."""

    keywords: set[str] = field(default_factory=set)
    positional: int = 0


def sources(package: Path, without: Iterable[str] = ()) -> Iterator[Path]:
    """The modules of a package that Pants loads: no tests, nothing below the folders `without`."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).parts
        tests = path.name.endswith("_test.py") or path.name == "conftest.py"
        if not tests and parts[0] not in set(without):
            yield path


def uses(texts: Iterable[str]) -> dict[str, Use]:
    """What the sources use, by `module:name`. Imports inside of `try` are left out: they may fail."""
    found: dict[str, Use] = {}
    for text in texts:
        tree = ast.parse(text)
        guarded = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.Try)
            for inner in ast.walk(node)
        }
        names: dict[str, str] = {}
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or id(node) in guarded:
                continue
            if node.module and node.module.split(".")[0] == "pants":
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}:{alias.name}"
        for symbol in names.values():
            found.setdefault(symbol, Use())
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in names
            ):
                use = found[names[node.func.id]]
                use.keywords |= {word.arg for word in node.keywords if word.arg}
                plain = [arg for arg in node.args if not isinstance(arg, ast.Starred)]
                use.positional = max(use.positional, len(plain))
    return found
