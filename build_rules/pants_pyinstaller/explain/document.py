"""The explanation: one document about one frozen program, from which every question is answered.

It holds the whole lock as a graph, not the selected part alone: "why is this not in it" and "what if this were
excluded" are questions about the rest. `record.py` writes it; everything else here reads it. Standard library only,
Python 3.9: Pants' rules and the command line share it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pants_pyinstaller.explain.errors import ExplainError

FORMAT = "pants_pyinstaller explanation"
SCHEMA = 1

MODULE_KINDS = (
    "module",
    "package",
    "namespace",
    "extension",
    "builtin",
    "runtime",
    "alias",
)
"""Kinds of nodes that can be imported."""

FILE_KINDS = ("native", "data", "metadata", "symlink")
"""Kinds of nodes that are files of the bundle; those of kind "other" are files of the lock that no rule brings."""

REASONS = {
    "import": "imports",
    "named": "names in a string",
    "package": "lies in the package",
    "alias": "is another name of",
    "hook": "needs (by its hook)",
    "analysis": "needs (by PyInstaller's analysis)",
    "trace": "imported at run time, seen by the trace,",
    "proof": "asked at run time for",
    "entry point": "is asked for plug-ins, provided by",
    "runtime hook": "has the runtime hook",
    "distribution": "is part of the distribution",
    "file": "brings the file",
    "data": "has the data file",
    "metadata": "has the metadata",
    "library": "is linked to",
    "start": "starts with",
    "field": "adds",
    "rule": "adds",
}
"""Kinds of edges, with the phrase between their two ends."""


@dataclass(frozen=True)
class Node:
    """One thing that a bundle may hold, or a root that brings such things.

    :param kind: one of MODULE_KINDS, FILE_KINDS, "other", "distribution", "hook" (a runtime hook) or "root".
    :param owner: key of its distribution; "" for none.
    :param origin: "lock", "interpreter", "host", "application" or "pyinstaller"; "" for roots.
    :param packed: bytes that it takes in what ships; 0 for what lies in another file (``base_library.zip``).
    :param unpacked: bytes that it takes while the program runs: a file's size, a module's compressed code.
    :param source: path of its source below the site directory, the standard library or the source root.
    """

    kind: str
    name: str
    owner: str = ""
    origin: str = ""
    packed: int = 0
    unpacked: int = 0
    source: str = ""


@dataclass(frozen=True)
class Edge:
    """One reason why ``target`` is in a bundle that holds ``source``; both are positions in ``Document.nodes``.

    :param kind: one of REASONS.
    :param detail: file of the statement, hook, group of entry points, field …
    :param line: line in the file, 0 where there is none.
    :param when: position of a package: the edge counts if that package or one above it is in the bundle; -1: always.
    """

    source: int
    target: int
    kind: str
    detail: str = ""
    line: int = 0
    when: int = -1


@dataclass
class Document:
    """Everything about one frozen program.

    :param program: address or name, ``platform``, ``mode``, ``python``, ``pyinstaller``, ``entry_point`` …
    :param roots: positions of the nodes that are always there.
    :param selected: positions of what the bundle holds.
    :param excludes: names of modules that the program's field of that name leaves out.
    :param shadowed: top-level names of the lock that first-party modules replace.
    :param dists: key -> ``name``, ``version``, ``license``, ``requires`` and ``modules`` (top-level names).
    :param missing: name that neither the lock nor the sources hold -> importers, as [module, how].
    :param dropped: [importer, name, line]: imports that a hook says do not count.
    :param unresolved: module -> lines at which it imports by a name that only the run knows.
    :param host_libraries: destination -> ``name``, ``package``, ``version``.
    :param manifest: the manifest of the finished executable, where there is one.
    """

    program: dict[str, Any]
    nodes: list[Node]
    edges: list[Edge]
    roots: list[int]
    selected: list[int]
    excludes: list[str] = field(default_factory=list)
    shadowed: list[str] = field(default_factory=list)
    dists: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, list[list[str]]] = field(default_factory=dict)
    dropped: list[list[Any]] = field(default_factory=list)
    unresolved: dict[str, list[int]] = field(default_factory=dict)
    host_libraries: dict[str, dict[str, Any]] = field(default_factory=dict)
    manifest: dict[str, Any] | None = None


_NODE = ("kind", "name", "owner", "origin", "packed", "unpacked", "source")
_EDGE = ("source", "target", "kind", "detail", "line", "when")


def dump(document: Document) -> str:
    """``document`` as JSON text; equal documents are equal bytes.

    Texts that repeat stand once in a table: the graph of a large lock has a hundred thousand edges.
    """
    table: dict[str, int] = {}

    def number(text: str) -> int:
        return table.setdefault(text, len(table))

    plain = dict(vars(document))
    plain["nodes"] = [
        [number(n.kind), n.name, number(n.owner), number(n.origin), n.packed, n.unpacked, n.source]
        for n in document.nodes
    ]
    plain["edges"] = [
        [e.source, e.target, number(e.kind), number(e.detail), e.line, e.when]
        for e in document.edges
    ]
    plain["texts"] = list(table)
    plain["format"], plain["schema"] = FORMAT, SCHEMA
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def load(text: str, where: str = "the document") -> Document:
    """The document in ``text``.

    :param where: names its file in the message.
    :raises ExplainError: no explanation, or one of another version.
    """
    try:
        plain = json.loads(text)
    except ValueError as error:
        raise ExplainError(f"{where} is not JSON: {error}") from None
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise ExplainError(
            f"{where} is not an explanation. `pants explain-binary --document path/to:app` writes one."
        )
    schema = plain.pop("schema", None)
    if schema != SCHEMA:
        raise ExplainError(
            f"{where} was written by another version of this backend (format {schema}, expected {SCHEMA}). "
            "Write it again by `pants explain-binary --document`."
        )
    texts = plain.pop("texts")
    plain["nodes"] = [
        Node(texts[row[0]], row[1], texts[row[2]], texts[row[3]], row[4], row[5], row[6])
        for row in plain["nodes"]
    ]
    plain["edges"] = [
        Edge(row[0], row[1], texts[row[2]], texts[row[3]], row[4], row[5]) for row in plain["edges"]
    ]
    return Document(**plain)


def is_under(name: str, roots: Iterable[str]) -> bool:
    """Whether the module ``name`` is one of ``roots`` or inside one.

    >>> is_under("a.b", ["a"]), is_under("ab", ["a"])
    (True, False)
    """
    return any(name == root or name.startswith(root + ".") for root in roots)
