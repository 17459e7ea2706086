"""What changed between two programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pants_pyinstaller.explain import answers
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph
from pants_pyinstaller.explain.inventory import Inventory


def compare(old: Inventory, new: Inventory) -> dict[str, Any]:
    """The answer to ``--diff``: ``old`` is the other program, ``new`` the one that is asked about."""
    before, after = old.distributions, new.distributions
    changed = [
        {
            "name": name,
            "old": before[name]["version"],
            "new": after[name]["version"],
            "change": after[name]["size"] - before[name]["size"],
        }
        for name in sorted(set(before) & set(after))
        if before[name] != after[name]
    ]
    return {
        "question": "diff",
        "old": {"name": old.name},
        "new": {"name": new.name},
        "bytes": {
            label: {"old": a, "new": b, "change": b - a}
            for label, a, b in (
                ("shipped", old.shipped, new.shipped),
                ("unpacked", old.unpacked, new.unpacked),
            )
            if a is not None and b is not None
        },
        "facts": [
            {"name": name, "old": old.facts.get(name, "none"), "new": new.facts.get(name, "none")}
            for name in sorted({*old.facts, *new.facts})
            if old.facts and new.facts and old.facts.get(name) != new.facts.get(name)
        ],
        "added": [
            {"name": name, "version": after[name]["version"], "change": after[name]["size"]}
            for name in sorted(set(after) - set(before))
        ],
        "removed": [
            {"name": name, "version": before[name]["version"], "change": -before[name]["size"]}
            for name in sorted(set(before) - set(after))
        ],
        "changed": sorted(changed, key=lambda row: (-abs(row["change"]), row["name"])),
        "modules": _tables(old.modules, new.modules),
        "files": _tables(old.files, new.files),
        "host_libraries": _texts(old.host_libraries, new.host_libraries),
    }


def with_chains(
    answer: dict[str, Any], new: Graph, old: Graph | None, count: int = 3
) -> dict[str, Any]:
    """``answer`` with its ``count`` largest changes, each with the chain that brings or brought it.

    :param old: the older build's graph, if it has one: what was removed has its chain there.
    """
    rows = [
        {"name": row["name"], "change": row["change"]}
        for key in ("added", "removed", "changed")
        for row in answer[key]
    ]
    known = {row["name"] for row in rows}
    for key in ("added", "removed", "changed"):
        for row in (answer["files"] or {}).get(key, ()):
            if not any(_owns(graph, row["name"], known) for graph in (new, old) if graph):
                rows.append({"name": row["name"], "change": row["change"]})
    rows = sorted((row for row in rows if row["change"]), key=lambda row: -abs(row["change"]))
    for row in rows[:count]:
        graph = new if row["change"] > 0 or old is None else old
        try:
            row["chain"] = answers.why(graph, f"distribution:{row['name']}").get("chain", [])
        except ExplainError:
            try:
                row["chain"] = answers.why(graph, f"file:{row['name']}").get("chain", [])
            except ExplainError:
                row["chain"] = []
    return {**answer, "largest": rows[:count]}


def _owns(graph: Graph, dest: str, names: Collection[str]) -> bool:
    """Whether a file is one of a distribution that is named already."""
    position = graph.files.get(dest)
    owner = graph.nodes[position].owner if position is not None else ""
    return bool(owner) and graph.document.dists[owner]["name"] in names


def _tables(
    old: Mapping[str, int] | None, new: Mapping[str, int] | None
) -> dict[str, list[dict[str, Any]]] | None:
    if old is None or new is None:
        return None
    rows: dict[str, list[dict[str, Any]]] = {"added": [], "removed": [], "changed": []}
    for name in {*old, *new}:
        change = new.get(name, 0) - old.get(name, 0)
        key = "added" if name not in old else "removed" if name not in new else "changed"
        if key != "changed" or change:
            rows[key].append({"name": name, "change": change})
    for found in rows.values():
        found.sort(key=lambda row: (-abs(row["change"]), row["name"]))
    return rows


def _texts(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        "added": [f"{name} ({new[name]})" for name in sorted(set(new) - set(old))],
        "removed": [f"{name} ({old[name]})" for name in sorted(set(old) - set(new))],
        "changed": [
            f"{name} ({old[name]} -> {new[name]})"
            for name in sorted(set(old) & set(new))
            if old[name] != new[name]
        ],
    }
