"""The questions, each a function from a graph to a plain answer that ``texts.py`` prints and ``--json`` shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from pants_pyinstaller.explain import names, sizes
from pants_pyinstaller.explain.document import FILE_KINDS, MODULE_KINDS, Edge, is_under
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.graph import Graph

_SHOWN = 20


def summary(graph: Graph) -> dict[str, Any]:
    """What is inside, how large, what the proof ran, accepted and left out."""
    document = graph.document
    manifest = document.manifest or {}
    inside = [graph.nodes[position] for position in graph.selected]
    notes = manifest.get("notes", document.program.get("notes", []))
    total = sizes.total(inside)
    # As in the manifest: modules stay in the archive, and no file is unpacked for them.
    total["unpacked"] = manifest.get("unpacked_size") or sum(
        node.unpacked for node in inside if node.kind in FILE_KINDS
    )
    executable = manifest.get("executable", {}).get("size")
    if document.program["mode"] == "one-file" and executable:
        total["packed"], parts = executable, total["packed"]
        total["bootloader"] = executable - parts
    return {
        "question": "summary",
        "program": document.program,
        "executable": manifest.get("executable"),
        "floor": manifest.get("floor"),
        "bytes": total,
        "modules": sum(node.kind in MODULE_KINDS for node in inside),
        "natives": sum(node.kind == "native" for node in inside),
        "data": sum(node.kind in ("data", "metadata") for node in inside),
        "distributions": sum(node.kind == "distribution" for node in inside),
        "locked": len(document.dists),
        "by_part": sizes.grouped(graph, "part"),
        "by_kind": sizes.grouped(graph, "kind"),
        "by_origin": sizes.grouped(graph, "origin"),
        "host_libraries": [
            {"name": dest, "package": item.get("package"), "version": item.get("version")}
            for dest, item in sorted(document.host_libraries.items())
        ],
        "proof": [note["text"] for note in notes if note["kind"] == "proof"],
        "accepted": [note["text"] for note in notes if note["kind"] == "accepted"],
        "warnings": [note["text"] for note in notes if note["kind"] not in ("proof", "accepted")],
        "excludes": document.excludes,
        "not_selected": sorted(
            f"{item['name']} {item['version']}"
            for key, item in document.dists.items()
            if graph.dists[key] not in graph.selected
        ),
        "unresolved_imports": document.unresolved,
    }


def why(graph: Graph, text: str, every: bool = False) -> dict[str, Any]:
    """Why something is in the bundle: the shortest chain, and with ``every`` all direct reasons."""
    meant = _in_bundle_first(graph, text)
    inside = meant.positions & graph.selected
    answer: dict[str, Any] = {"question": "why", **_about(graph, meant), "inside": bool(inside)}
    if not inside:
        return {**why_not(graph, text), "asked": "why"}
    answer["bytes"] = (
        answer["distribution_bytes"]
        if meant.kind == "distribution"
        else sizes.total(graph.nodes[position] for position in inside | _own_files(graph, inside))
    )
    chain = graph.chain(inside)
    answer["chain"] = [_link(graph, edge) for edge in chain]
    if meant.kind == "distribution":
        # What brought the distribution is what imported the first of its modules.
        owned = {
            position
            for position in graph.selected
            if graph.nodes[position].owner == graph.nodes[min(inside)].owner
        }
        ends = owned
    else:
        ends = set(inside)
    found = graph.reasons(ends)
    answer["reasons_count"] = len(found)
    if every:
        answer["reasons"] = [_link(graph, edge) for edge in _sorted(graph, found)]
    return answer


def why_not(graph: Graph, text: str) -> dict[str, Any]:
    """Why something is not in the bundle, and what would get it in."""
    if text.partition(":")[0] not in names.PREFIXES and text not in graph.modules:
        absent = _absent(graph, text)
        if absent is not None:
            return absent
    try:
        meant = names.meant(graph, text)
    except ExplainError as error:
        return {
            "question": "why-not",
            "kind": "name",
            "name": text,
            "inside": False,
            "because": str(error),
            "remedy": "add its distribution to the resolve's requirements and generate the lock anew, or name the "
            "target that holds its source among the dependencies",
        }
    answer: dict[str, Any] = {"question": "why-not", **_about(graph, meant)}
    inside = meant.positions & graph.selected
    answer["inside"] = bool(inside)
    if inside:
        answer["because"] = "it is in the bundle"
        answer["remedy"] = f"--why {text} tells why"
        return answer
    if meant.kind == "module":
        answer.update(_module_not(graph, meant.name, min(meant.positions)))
    elif meant.kind == "distribution":
        answer.update(_distribution_not(graph, names.normalize(meant.name)))
    else:
        answer.update(_file_not(graph, min(meant.positions)))
    return answer


def largest(graph: Graph, count: int) -> dict[str, Any]:
    """The largest parts and the largest single things, each with what brought it."""
    document = graph.document
    ordered = sorted(graph.selected, key=lambda p: (-graph.nodes[p].packed, graph.nodes[p].name))
    parts = [row for row in sizes.grouped(graph, "part") if row["packed"]][:count]
    by_name = {
        f"{item['name']} {item['version']}": graph.dists[key]
        for key, item in document.dists.items()
    }
    for row in parts:
        position = by_name.get(row["name"])
        row["brought_by"] = _brought_by(graph, position) if position is not None else ""
    return {
        "question": "largest",
        "parts": parts,
        "things": [
            {
                **_thing(graph, position),
                "brought_by": _brought_by(graph, position),
            }
            for position in ordered[:count]
            if graph.nodes[position].packed
        ],
    }


def without(graph: Graph, text: str) -> dict[str, Any]:
    """What would leave the bundle if a module, a distribution or a file were left out, and its bytes."""
    meant = names.meant(graph, text, ("distribution", "module", "file"))
    document = graph.document
    answer: dict[str, Any] = {"question": "without", **_about(graph, meant)}
    inside = meant.positions & graph.selected
    answer["inside"] = bool(inside)
    if not inside:
        return answer
    if meant.kind == "file":
        answer["excludes"] = []
        left = graph.closure(without=inside)
    else:
        answer["excludes"] = excludes_of(graph, meant)
        left = graph.closure(answer["excludes"])
    gone = [position for position in sorted(graph.selected) if position not in left]
    leaving = [graph.nodes[position] for position in gone]
    answer["bytes"] = sizes.total(leaving)
    answer["modules"] = sum(node.kind in MODULE_KINDS for node in leaving)
    answer["distributions"] = sorted(
        f"{document.dists[node.owner]['name']} {document.dists[node.owner]['version']}"
        for node in leaving
        if node.kind == "distribution"
    )
    answer["things"] = [
        _thing(graph, position)
        for position in sorted(gone, key=lambda p: (-graph.nodes[p].packed, graph.nodes[p].name))
    ]
    if meant.kind == "distribution":
        key = names.normalize(meant.name)
        stays = [graph.nodes[p] for p in graph.selected & left if graph.nodes[p].owner == key]
        answer["stays"] = sizes.total(stays)
        answer["fields"] = sorted(
            {
                edge.detail.partition(":")[0]
                for edge in graph.reasons(meant.positions)
                if edge.kind == "field"
            }
        )
    answer["users"] = [
        _link(graph, edge) for edge in _sorted(graph, _users(graph, gone, left, answer["excludes"]))
    ]
    return answer


def excludes_of(graph: Graph, meant: names.Meant) -> list[str]:
    """Modules to exclude for a module or a distribution to be out: the topmost that are its alone."""
    if meant.kind == "module":
        return [meant.name]
    key = names.normalize(meant.name)
    own = sorted(
        node.name for node in graph.nodes if node.kind in MODULE_KINDS and node.owner == key
    )
    found: list[str] = []
    for name in own:
        if not is_under(name, found):
            others = any(
                node.owner not in ("", key) and is_under(node.name, [name])  # "": a namespace
                for node in graph.nodes
                if node.kind in MODULE_KINDS and node.name.startswith(name)
            )
            if not others:
                found.append(name)
    return found


def _users(
    graph: Graph, gone: Collection[int], left: Collection[int], excludes: Collection[str]
) -> list[Edge]:
    """Imports, in what stays, of what was excluded."""
    named = [p for p in gone if is_under(graph.nodes[p].name, excludes)]
    return [
        edge
        for position in named
        for edge in graph.incoming[position]
        if edge.source in left and edge.kind in ("import", "named", "trace", "proof", "hook")
    ]


def _in_bundle_first(graph: Graph, text: str) -> names.Meant:
    found = names.meant(graph, text)
    if not found.positions & graph.selected:
        for order in (("distribution",), ("file",)):
            try:
                other = names.meant(graph, text, order)
            except ExplainError:
                continue
            if other.positions & graph.selected:
                return other
    return found


def _own_files(graph: Graph, positions: Iterable[int]) -> set[int]:
    """The files of extension modules, which have no bytes besides these."""
    return {
        edge.target
        for position in positions
        if graph.nodes[position].kind == "extension"
        for edge in graph.outgoing[position]
        if edge.kind == "file" and edge.target in graph.selected
    }


def _absent(graph: Graph, text: str) -> dict[str, Any] | None:
    """A module that neither the lock nor the sources hold, though something in the bundle imports it."""
    rows = graph.document.missing.get(text)
    if not rows or names.normalize(text) in graph.dists:
        return None
    return {
        "question": "why-not",
        "kind": "module",
        "name": text,
        "inside": False,
        "because": "neither the lock nor the sources nor the standard library holds it",
        "importers": [{"name": importer, "how": how} for importer, how in rows],
        "remedy": (
            "add the distribution that provides it to the resolve's requirements and generate the lock anew; "
            "an optional import can do without"
        ),
    }


def _module_not(graph: Graph, name: str, position: int) -> dict[str, Any]:
    document = graph.document
    root = next((item for item in document.excludes if is_under(name, [item])), None)
    if root is not None:
        return {
            "because": f"the target's field excludes leaves {root} out",
            "remedy": f"take {root!r} out of excludes",
            "importers": _importers(graph, position),
        }
    if is_under(name, document.shadowed):
        top = name.partition(".")[0]
        return {
            "because": f"the application has its own module {top}, which stands first on sys.path",
            "remedy": "rename the application's module",
        }
    dropped = [row for row in document.dropped if row[1] == name]
    importers = _importers(graph, position)
    because = "nothing in the bundle imports it"
    if dropped:
        because = (
            f"{dropped[0][0]} imports it (line {dropped[0][2]}), but {dropped[0][3]} says that this import does "
            "not count, and nothing else in the bundle imports it"
        )
    elif importers:
        because += "; what does is not in the bundle either"
    return {
        "because": because,
        "importers": importers,
        "remedy": f'import it, or add hidden_imports=["{name}"] to the target',
    }


def _distribution_not(graph: Graph, key: str) -> dict[str, Any]:
    document = graph.document
    item = document.dists[key]
    requirers = sorted(
        f"{other['name']} {other['version']}"
        for other_key, other in document.dists.items()
        if graph.dists[other_key] in graph.selected
        and any(_required(line) == key for line in other["requires"])
    )
    tops = item["modules"]
    out = [name for name in tops if is_under(name, document.excludes)]
    if out and len(out) == len(tops):
        return {
            "because": f"the target's field excludes leaves {', '.join(out)} out",
            "remedy": f"take {', '.join(map(repr, out))} out of excludes",
            "required_by": requirers,
        }
    importers = [
        row
        for name in tops
        for position in graph.modules.get(name, ())
        for row in _importers(graph, position)
    ]
    because = f"nothing in the bundle imports {' or '.join(tops) or 'any module of it'}"
    if requirers:
        because += f"; {', '.join(requirers)} requires it, which alone brings no code"
    return {
        "because": because,
        "required_by": requirers,
        "importers": importers[:_SHOWN],
        "remedy": (
            f'import it, add hidden_imports=["{tops[0]}"] or collect=["{item["name"]}"] to the target'
            if tops
            else f'add collect=["{item["name"]}"] to the target'
        ),
    }


def _required(line: str) -> str:
    end = next((i for i, c in enumerate(line) if not (c.isalnum() or c in "-_.")), len(line))
    return names.normalize(line[:end])


def _file_not(graph: Graph, position: int) -> dict[str, Any]:
    node = graph.nodes[position]
    dists = graph.document.dists
    owner = dists[node.owner]["name"] if node.owner else ""
    if node.kind == "other":
        tops = dists[node.owner]["modules"]
        return {
            "because": f"it is a file of {owner} that a running program hardly reads "
            "(a test, a header, a script, a source or a build file)",
            "remedy": "read it in a program of the field exercises, whose run brings it in, or have a hook of your "
            f'own add it: datas = collect_data_files("{tops[0] if tops else owner}")',
        }
    users = [
        _thing(graph, edge.source)
        for edge in graph.incoming[position]
        if edge.source not in graph.selected
    ]
    if not owner:
        return {
            "because": "nothing in the bundle brings or loads it",
            "importers": users[:_SHOWN],
            "remedy": "import what uses it",
        }
    inside = graph.dists[node.owner] in graph.selected
    packages = [graph.nodes[edge.when].name for edge in graph.incoming[position] if edge.when >= 0]
    because = (
        f"of {owner}, the package {packages[0]} is not in the bundle"
        if inside and packages
        else f"{owner} is not in the bundle"
        if not inside
        else "nothing in the bundle brings or loads it"
    )
    return {
        "because": because,
        "importers": users[:_SHOWN],
        "remedy": f'add collect=["{owner}"] to the target, or import what uses it',
    }


def _importers(graph: Graph, position: int) -> list[dict[str, Any]]:
    found = {
        graph.nodes[edge.source].name: edge
        for edge in graph.incoming[position]
        if edge.kind not in ("package", "distribution")
        and not is_under(graph.nodes[edge.source].name, [graph.nodes[position].name])
    }
    return [
        {
            "name": name,
            "inside": edge.source in graph.selected,
            "distribution": sizes.group_of(graph, graph.nodes[edge.source]),
        }
        for name, edge in sorted(found.items())
        if graph.nodes[edge.source].kind != "root"
    ][:_SHOWN]


def _about(graph: Graph, meant: names.Meant) -> dict[str, Any]:
    node = graph.nodes[min(meant.positions)]
    found: dict[str, Any] = {"kind": meant.kind, "name": meant.name, "origin": node.origin}
    if node.owner:
        item = graph.document.dists[node.owner]
        found["distribution"] = f"{item['name']} {item['version']}"
        found["distribution_bytes"] = sizes.total(
            graph.nodes[position]
            for position in graph.selected
            if graph.nodes[position].owner == node.owner
        )
    library = graph.document.host_libraries.get(node.name)
    if library and library.get("package"):
        found["package"] = f"{library['package']} {library['version']}"
    return found


def _thing(graph: Graph, position: int) -> dict[str, Any]:
    node = graph.nodes[position]
    return {
        "kind": node.kind,
        "name": node.name if node.kind != "distribution" else sizes.group_of(graph, node),
        "part": sizes.group_of(graph, node) if node.kind != "root" else "",
        "packed": node.packed,
        "unpacked": node.unpacked,
    }


def _link(graph: Graph, edge: Edge) -> dict[str, Any]:
    source, target = graph.nodes[edge.source], graph.nodes[edge.target]
    dists = graph.document.dists
    return {
        "from": source.name if source.kind != "distribution" else dists[source.owner]["name"],
        "to": target.name if target.kind != "distribution" else dists[target.owner]["name"],
        "reason": edge.kind,
        "detail": edge.detail,
        "line": edge.line,
        "first_party": source.origin == "application",
    }


def _sorted(graph: Graph, edges: Iterable[Edge]) -> list[Edge]:
    """First-party importers first, then by kind and name."""
    return sorted(
        edges,
        key=lambda edge: (
            graph.nodes[edge.source].origin != "application",
            edge.kind,
            graph.nodes[edge.source].name,
            graph.nodes[edge.target].name,
        ),
    )


def _brought_by(graph: Graph, position: int) -> str:
    """The last first-party place of a chain, and the first step after it: who is to be asked about these bytes."""
    place = ""
    for edge in graph.chain([position]):
        source = graph.nodes[edge.source]
        if source.kind == "root":
            place = source.name
        elif source.origin == "application":
            where = f"{edge.detail}:{edge.line}" if edge.line else source.name
            place = where
    return place
