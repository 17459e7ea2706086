"""Bytes of a bundle, added up in several ways; and how a person reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pants_pyinstaller.explain.document import MODULE_KINDS, Node
from pants_pyinstaller.explain.graph import Graph

KINDS = {
    "module": "Python modules",
    "package": "Python modules",
    "namespace": "Python modules",
    "extension": "extension modules",
    "native": "shared libraries and extension modules",
    "data": "data files",
    "metadata": "metadata",
    "symlink": "symbolic links",
    "hook": "runtime hooks",
}


def readable(size: float) -> str:
    """Bytes with a decimal unit.

    >>> readable(950), readable(2_345_000), readable(-1500)
    ('950 B', '2.35 MB', '-1.5 kB')
    """
    sign = "-" if size < 0 else ""
    size = abs(size)
    if size < 1000:
        return f"{sign}{size:.0f} B"
    if size < 1_000_000:
        return f"{sign}{size / 1000:.1f} kB"
    return f"{sign}{size / 1_000_000:.2f} MB"


def total(nodes: Iterable[Node]) -> dict[str, int]:
    """``packed`` and ``unpacked`` bytes of nodes."""
    found = list(nodes)
    return {
        "packed": sum(node.packed for node in found),
        "unpacked": sum(node.unpacked for node in found),
    }


def group_of(graph: Graph, node: Node) -> str:
    """The part that a node's bytes count for: a distribution, or where else it comes from."""
    dists = graph.document.dists
    if node.owner:
        item = dists[node.owner]
        return f"{item['name']} {item['version']}"
    if node.origin == "application":
        return "the application"
    if node.origin == "host":
        library = graph.document.host_libraries.get(node.name, {})
        package = library.get("package")
        return (
            f"{package} {library.get('version')} (building machine)"
            if package
            else "building machine"
        )
    if node.origin == "interpreter":
        return str(graph.document.program["python"])
    return f"PyInstaller {graph.document.program['pyinstaller']}"


def grouped(graph: Graph, by: str) -> list[dict[str, Any]]:
    """Rows ``name``, ``packed``, ``unpacked``, ``modules``, ``files``, the largest first.

    :param by: "part", "kind" or "origin".
    """
    rows: dict[str, dict[str, Any]] = {}
    for position in graph.selected:
        node = graph.nodes[position]
        if node.kind == "distribution":
            name = group_of(graph, node) if by == "part" else ""
        elif by == "part":
            name = group_of(graph, node)
        else:
            name = KINDS.get(node.kind, "") if by == "kind" else node.origin
        if not name:
            continue
        row = rows.setdefault(
            name, {"name": name, "packed": 0, "unpacked": 0, "modules": 0, "files": 0}
        )
        row["packed"] += node.packed
        row["unpacked"] += node.unpacked
        row["modules"] += node.kind in MODULE_KINDS
        row["files"] += node.kind not in MODULE_KINDS and node.kind not in ("distribution", "hook")
    return sorted(rows.values(), key=lambda row: (-row["packed"], row["name"]))
