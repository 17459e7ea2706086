"""What a finished program tells by itself: its manifest and its tables of contents."""

from __future__ import annotations

from typing import Any

from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.inventory import Inventory


def summary(found: Inventory) -> dict[str, Any]:
    """As ``answers.summary``, as far as it is recorded."""
    manifest = found.manifest or {}
    notes = manifest.get("notes", [])
    return {
        "question": "finished",
        "name": found.name,
        "facts": found.facts,
        "shipped": found.shipped,
        "unpacked": found.unpacked,
        "modules": None if found.modules is None else len(found.modules),
        "files": None if found.files is None else len(found.files),
        "distributions": _distributions(found),
        "host_libraries": found.host_libraries,
        "interpreter_libraries": manifest.get("interpreter", {}).get("libraries", []),
        "notes": {
            kind: [note["text"] for note in notes if (note["kind"] == kind)]
            for kind in sorted({note["kind"] for note in notes})
        },
    }


def largest(found: Inventory, count: int) -> dict[str, Any]:
    """The largest distributions, modules and files.

    :raises ExplainError: the file records neither.
    """
    if not found.distributions and not found.modules:
        raise ExplainError(f"{found.name} has no manifest beside it, and its archive names nothing")
    single: list[dict[str, Any]] = [
        {"name": name, "size": size, "kind": kind}
        for kind, table in (("module", found.modules), ("file", found.files))
        for name, size in (table or {}).items()
    ]
    single.sort(key=lambda row: (-row["size"], row["name"]))
    return {
        "question": "finished-largest",
        "distributions": _distributions(found)[:count],
        "things": single[:count],
    }


def _distributions(found: Inventory) -> list[dict[str, Any]]:
    rows = [
        {"name": name, "version": item["version"], "size": item["size"]}
        for name, item in found.distributions.items()
    ]
    return sorted(rows, key=lambda row: (-row["size"], row["name"]))
