"""Modules that are imported and that nothing provides."""

from __future__ import annotations

import hashlib
import marshal
import os
from collections.abc import Mapping
from typing import Any

from . import compiled, scan
from .distributions import absolute
from .resolve import kind_of


def find(graph: Any, nodes: Mapping[str, Any], cache: str | None) -> dict[str, list[list[str]]]:
    """Absent modules and who imports them, how (the syntax tree is asked only here, for those few sources)."""
    importers: dict[str, set[str]] = {}
    for head, tail, _ in graph.graph.edges.values():
        if tail in nodes and head in nodes and kind_of(nodes[tail]) == "missing":
            importers.setdefault(head, set()).add(tail)
    missing: dict[str, list[list[str]]] = {}
    for importer, absent in sorted(importers.items()):
        flags = _flags(nodes[importer], importer, cache)
        for name in sorted(absent):
            missing.setdefault(name, []).append([importer, flags.get(name, "hidden import")])
    return missing


def _flags(node: Any, name: str, cache: str | None) -> dict[str, str]:
    path = getattr(node, "filename", None) or ""
    if not path.endswith(".py"):
        return {}
    with open(path, "rb") as file:
        source = file.read()
    key = hashlib.sha256(f"flags{scan.VERSION}{name}\0".encode() + source).hexdigest()
    known = compiled.read_entry(cache, "flags", key)
    if known is not None:
        stored: dict[str, str] = marshal.loads(known)
        return stored
    package = name if os.path.basename(path).startswith("__init__.") else name.rpartition(".")[0]
    found: dict[str, str] = {}
    try:
        imports = scan.imports_with_flags(source)
    except (SyntaxError, ValueError):  # an encoding that the compiler alone takes
        imports = scan.imports_with_flags(source.decode("utf-8", "replace").encode())
    for item, flags in imports:
        base = absolute(item.name, item.level, package)
        if not base:
            continue
        pieces = base.split(".")
        targets = [".".join(pieces[: end + 1]) for end in range(len(pieces))]
        targets += [f"{base}.{attribute}" for attribute in item.attributes or ()]
        for target in targets:
            how = flags.describe()
            if found.get(target) != "top-level":
                found[target] = how
    compiled.write_entry(cache, "flags", key, marshal.dumps(found))
    return found
