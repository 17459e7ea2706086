"""What a name in a question means: a module, a distribution, a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pants_pyinstaller.explain.document import FILE_KINDS, MODULE_KINDS
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph

PREFIXES = ("module", "distribution", "file")


@dataclass(frozen=True)
class Meant:
    """The nodes that a name stands for.

    :param kind: "module", "distribution" or "file".
    :param name: as the nodes spell it.
    """

    kind: str
    name: str
    positions: frozenset[int]


def normalize(name: str) -> str:
    """A distribution's name in the form in which two of them are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def meant(graph: Graph, text: str, order: Collection[str] = PREFIXES) -> Meant:
    """What ``text`` stands for; ``module:``, ``distribution:`` or ``file:`` before it says what kind is meant.

    :param order: the kinds to try, when it could be several.
    :raises ExplainError: nothing has that name; the message says what has a similar one.
    """
    prefix, colon, rest = text.partition(":")
    if colon and prefix in PREFIXES:
        order, text = (prefix,), rest
    for kind in order:
        found = _FINDERS[kind](graph, text)
        if found is not None:
            return found
    raise ExplainError(
        f"neither the bundle nor its lock has a module, a distribution or a file {text!r}"
        f"{_close(text, graph)}"
    )


def _module(graph: Graph, text: str) -> Meant | None:
    found = graph.modules.get(text)
    return Meant("module", text, frozenset(found)) if found else None


def _distribution(graph: Graph, text: str) -> Meant | None:
    key = normalize(text)
    found = graph.dists.get(key)
    if found is None:
        return None
    return Meant("distribution", graph.document.dists[key]["name"], frozenset((found,)))


def _file(graph: Graph, text: str) -> Meant | None:
    """A destination, the end of one, or the name of a library without its version."""
    text = text.replace("\\", "/")
    text = text[len("_internal/") :] if text.startswith("_internal/") else text
    if text in graph.files:
        return Meant("file", text, frozenset((graph.files[text],)))
    for matches in (
        lambda dest: dest.endswith("/" + text),
        lambda dest: _stem(dest) == _stem(text) and "/" not in text,
    ):
        found = sorted(dest for dest in graph.files if matches(dest))
        inside = [dest for dest in found if graph.files[dest] in graph.selected]
        for names in (inside, found):
            if names:
                return Meant("file", names[0], frozenset(graph.files[name] for name in names))
    return None


_FINDERS = {"module": _module, "distribution": _distribution, "file": _file}


def _stem(path: str) -> str:
    """``libssl`` of ``x/libssl-1a2b3c4d.so.3``."""
    name = path.rpartition("/")[2]
    if not re.search(r"\.(so|dylib|dll|pyd)\b", name):
        return name
    return re.sub(r"-[0-9a-f]{8,}$", "", name.partition(".")[0])


def _close(text: str, graph: Graph) -> str:
    known: Iterable[str] = {
        *(node.name for node in graph.nodes if node.kind in MODULE_KINDS),
        *(item["name"] for item in graph.document.dists.values()),
        *(node.name.rpartition("/")[2] for node in graph.nodes if node.kind in FILE_KINDS),
    }
    found = difflib.get_close_matches(text, list(known), n=3, cutoff=0.7)
    part = text[3:] if text.startswith("lib") else text
    if not found and len(part) > 3:
        found = sorted((name for name in known if part.lower() in name.lower()), key=len)[:3]
    return f" (did you mean {' or '.join(found)}?)" if found else ""
