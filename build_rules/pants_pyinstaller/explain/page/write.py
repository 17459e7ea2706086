"""Writes the page of one program, or of two side by side."""

from __future__ import annotations

import hashlib
import html
import json
from pathlib import Path
from typing import Any

from pants_pyinstaller.explain import diff, inventory, sizes
from pants_pyinstaller.explain.document import FILE_KINDS, MODULE_KINDS, REASONS, Document
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph

_DIRECTORY = Path(__file__).resolve().parent
_ALIKE = dict.fromkeys(MODULE_KINDS, "module")


def page(document: Document, other: inventory.Inventory | None = None) -> str:
    """The HTML text; equal documents give equal bytes.

    :param other: an older build, to be shown beside it.
    :raises ExplainError: the charting library is not the one that is pinned.
    """
    title = document.program["name"]
    mine = inventory.of_document(document, title)
    sides = [_side(document)]
    if other is not None:
        before = _side(other.document) if other.document else _side_of_inventory(other)
        before["name"] = f"{before['name']} (before)"
        sides.insert(0, before)
    data = {
        "sides": sides,
        "reasons": REASONS,
        "difference": _difference(other, mine) if other is not None else None,
    }
    library, pin = _library()
    parts = {
        "TITLE": html.escape(f"{title}: what is inside"),
        "STYLE": _read("page.css"),
        "SCRIPT": _read("page.js"),
        "LIBRARY": library,
        "LICENSE": _read("d3-hierarchy.LICENSE").strip(),
        "VERSION": pin["version"],
        # No text of a script element may end it.
        "DATA": json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")).replace(
            "<", "\\u003c"
        ),
    }
    pieces = _read("page.html").split("@")
    return "".join(parts.get(piece, piece) for piece in pieces)


def _read(name: str) -> str:
    return (_DIRECTORY / name).read_text(encoding="utf-8")


def _library() -> tuple[str, dict[str, str]]:
    pin: dict[str, str] = json.loads(_read("d3-hierarchy.json"))
    text = _read("d3-hierarchy.min.js")
    if hashlib.sha256(text.encode()).hexdigest() != pin["sha256"]:
        raise ExplainError(
            f"page/d3-hierarchy.min.js is not the file of d3-hierarchy {pin['version']} that is pinned"
        )
    return text, pin


def _side(document: Document) -> dict[str, Any]:
    graph = Graph(document)
    texts: dict[str, int] = {"": 0}
    parts: dict[str, int] = {}
    positions = {
        position: number
        for number, position in enumerate([*document.roots, *sorted(graph.selected)])
    }
    rows = []
    for position in positions:
        node = graph.nodes[position]
        edge = graph.ways.get(position)
        part = -1
        if node.kind not in ("root", "distribution"):
            part = parts.setdefault(sizes.group_of(graph, node), len(parts))
        name = document.dists[node.owner]["name"] if node.kind == "distribution" else node.name
        row: list[Any] = [
            name,
            _ALIKE.get(node.kind, node.kind),
            part,
            node.packed,
            node.unpacked,
            positions[edge.source] if edge else -1,
        ]
        for text in (edge.kind, edge.detail) if edge else ("", ""):
            row.append(texts.setdefault(text, len(texts)))
        row.append(edge.line if edge else 0)
        rows.append(row)
    program, manifest = document.program, document.manifest or {}
    inside = [graph.nodes[position] for position in graph.selected]
    files = sum(node.unpacked for node in inside if node.kind in FILE_KINDS)
    shipped = manifest.get("executable", {}).get("size") if program["mode"] == "one-file" else None
    return {
        "name": program["name"],
        "facts": f"{program['mode']}, {program['platform']}, {program['python']}, PyInstaller {program['pyinstaller']}",
        "packed": shipped or sum(node.packed for node in inside),
        "unpacked": manifest.get("unpacked_size") or files,
        "parts": list(parts),
        "texts": list(texts),
        "nodes": rows,
        "chains": True,
    }


def _side_of_inventory(found: inventory.Inventory) -> dict[str, Any]:
    """A side without chains: an executable or a manifest does not record them."""
    parts: dict[str, int] = {}
    rows = []
    for kind, table in (("module", found.modules), ("data", found.files)):
        for name, size in sorted((table or {}).items()):
            top = name.partition("." if kind == "module" else "/")[0]
            part = parts.setdefault(top, len(parts))
            unpacked = size if kind == "module" else found.files_unpacked.get(name, size)
            rows.append([name, kind, part, size, unpacked, -1, 0, 0, 0])
    if not rows:
        for name, item in sorted(found.distributions.items()):
            part = parts.setdefault(f"{name} {item['version']}", len(parts))
            rows.append([name, "distribution", part, item["size"], item["size"], -1, 0, 0, 0])
    return {
        "name": found.name,
        "facts": ", ".join(f"{key} {value}" for key, value in found.facts.items()) or "no manifest",
        "packed": found.shipped or 0,
        "unpacked": found.unpacked or 0,
        "parts": list(parts),
        "texts": [""],
        "nodes": rows,
        "chains": False,
    }


def _difference(old: inventory.Inventory, new: inventory.Inventory) -> dict[str, Any]:
    found = diff.compare(old, new)
    rows: list[list[Any]] = []
    for key, what in (("added", "added"), ("removed", "removed")):
        for row in found[key]:
            versions = ["", row["version"]] if key == "added" else [row["version"], ""]
            rows.append([row["name"], f"distribution {what}", *versions, row["change"]])
    for row in found["changed"]:
        rows.append([row["name"], "distribution", row["old"], row["new"], row["change"]])
    for kind in ("modules", "files"):
        for key, items in (found[kind] or {}).items():
            for row in items:
                rows.append([row["name"], f"{kind[:-1]} {key}", "", "", row["change"]])
    facts = [f"{row['name']}: {row['old']} → {row['new']}" for row in found["facts"]]
    facts += [
        f"{label}: {sizes.readable(row['old'])} → {sizes.readable(row['new'])}"
        for label, row in found["bytes"].items()
    ]
    for key, items in found["host_libraries"].items():
        facts += [f"library of the building machine {key}: {text}" for text in items]
    return {"old": old.name, "new": new.name, "rows": rows, "facts": facts}
