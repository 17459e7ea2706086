"""What of a layer goes into one binary: pure functions over the index."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from ..errors import DriverError, listing
from ..index import PRESENT_KINDS, Index
from ..outputs import Selection, Wanted
from .distributions import normalize, required_key
from .entry_points import is_tool_group

ALWAYS = ("struct", "_struct", "zlib", "ctypes", "signal", "atexit", "shutil")
"""Modules that the bootloader's code and the runtime hook import in every binary."""

_ENTRY_POINT = re.compile(
    r"^\s*(?P<module>[\w.]+)\s*(?::\s*(?P<attribute>[\w.]+))?\s*(?:\[.*\])?\s*$"
)


def is_under(name: str, roots: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``roots`` or inside one.

    >>> is_under("a.b", ["a"]), is_under("ab", ["a"])
    (True, False)
    """
    return any(name == root or name.startswith(root + ".") for root in roots)


def lineage(name: str) -> Iterator[str]:
    """``name`` and its parent packages, innermost first.

    >>> list(lineage("a.b.c"))
    ['a.b.c', 'a.b', 'a']
    """
    while name:
        yield name
        name = name.rpartition(".")[0]


def plugin_modules(entry_points: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Modules of the entry points that the running program may load."""
    found = []
    for group, points in entry_points.items():
        if is_tool_group(group):
            continue
        for value in points.values():
            match = _ENTRY_POINT.match(value)
            if match:
                found.append(match["module"])
    return found


def plugins_of_group(index: Index, group: str) -> list[tuple[int, list[str]]]:
    """Distributions that provide entry points of ``group``, and the modules of those."""
    found = []
    for position, dist in enumerate(index.dists):
        if group in dist.entry_points:
            found.append((position, plugin_modules({group: dist.entry_points[group]})))
    return found


def select(index: Index, wanted: Wanted, dynamic: Mapping[str, Iterable[str]]) -> Selection:
    """The closure of ``wanted``.

    :param dynamic: module -> modules that it imported dynamically when it was traced.
    """
    nodes, names, number = index.nodes, index.names, index.number
    excluded_cache: dict[str, bool] = {}

    def is_out(name: str) -> bool:
        known = excluded_cache.get(name)
        if known is None:
            known = is_under(name, wanted.excludes) or is_under(name, wanted.shadowed)
            excluded_cache[name] = known
        return known

    chosen: set[int] = set()
    files: set[str] = set()
    rthooks: dict[str, None] = {}
    dists: set[int] = set()
    queue: list[int] = []

    def add(position: int | None) -> None:
        if position is None or position in chosen:
            return
        if nodes[position].kind not in PRESENT_KINDS or is_out(names[position]):
            return
        chosen.add(position)
        queue.append(position)

    def add_name(name: str) -> None:
        for part in lineage(name):
            add(number.get(part))

    for position in index.base:
        add(position)
    for name in (*ALWAYS, *sorted(wanted.modules)):
        add_name(name)
    for position, dist in enumerate(index.dists):
        if dist.key in wanted.collect:
            dists.add(position)
            for module in dist.modules:
                add(module)
    done_dists: set[int] = set()
    while queue or dists - done_dists:
        while queue:
            position = queue.pop()
            node = nodes[position]
            files.update(node.files)
            if node.owner >= 0:
                dists.add(node.owner)
            for edge in node.edges:
                add(edge)
            for name in dynamic.get(names[position], ()):
                add_name(name)
            for group in index.groups.get(names[position], ()):
                for provider, modules in plugins_of_group(index, group):
                    dists.add(provider)
                    for name in modules:
                        add_name(name)
            for hook in index.rthooks.get(names[position], ()):
                if hook not in rthooks:
                    rthooks[hook] = None
                    for edge in index.scripts[hook].edges:
                        add(edge)
        for owner in sorted(dists - done_dists):
            done_dists.add(owner)
            for name in plugin_modules(index.dists[owner].entry_points):
                add_name(name)
    selected = {names[position] for position in chosen}
    for dest, item in index.files.items():
        if item.kind in ("data", "binary") and item.module >= 0 and item.owner in dists:
            if item.kind == "binary" and nodes[item.module].kind == "extension":
                continue  # the module's own file
            whole = index.dists[item.owner].key in wanted.collect
            package = names[item.module]
            if not is_out(package) and (
                whole or any(number.get(p) in chosen for p in lineage(package))
            ):
                files.add(dest)
    for owner in dists | _without_modules(index, dists):
        files.update(index.dists[owner].metadata)
    files.update(dest for dest in wanted.files if dest in index.files)
    files.update(("base_library.zip", index.python_library))
    return Selection(
        modules=sorted(selected),
        files=sorted(_with_libraries(index, files)),
        rthooks=sorted(rthooks),
        dists=sorted(dists),
    )


def _without_modules(index: Index, dists: set[int]) -> set[int]:
    """Distributions of metadata alone that a selected one requires (meta packages)."""
    by_key = {dist.key: position for position, dist in enumerate(index.dists)}
    found: set[int] = set()
    for position in dists:
        for line in index.dists[position].requires:
            required = by_key.get(required_key(line))
            if required is not None and not index.dists[required].modules:
                found.add(required)
    return found


def _with_libraries(index: Index, files: set[str]) -> set[str]:
    """``files`` and every library that they load, with the links by which it is found."""
    result: set[str] = set()
    queue = list(files)
    while queue:
        dest = queue.pop()
        item = index.files.get(dest)
        if dest in result or item is None:
            continue
        result.add(dest)
        queue.extend(item.needs)
    return result


def close_matches(name: str, known: Iterable[str]) -> str:
    """`` (did you mean …?)`` or nothing."""
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.7)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def check_collect(index: Index, collect: Iterable[str]) -> frozenset[str]:
    """Normalised names of ``collect``.

    :raises DriverError: a name that the resolve does not hold.
    """
    known = {dist.key: dist.name for dist in index.dists}
    for name in collect:
        if normalize(name) not in known:
            raise DriverError(
                f"collect: the resolve holds no distribution {name!r}{close_matches(normalize(name), known)}\n"
                "Name a distribution of the lock file, or add it to the resolve."
            )
    return frozenset(normalize(name) for name in collect)


def refuse_faults(layer: Index, chosen: Selection) -> None:
    bad = [f"{name}: {layer.faults[name]}" for name in chosen.modules if name in layer.faults]
    if bad:
        raise DriverError(
            f"modules that the program uses could not be analysed:\n{listing(bad)}\n"
            "Mend the hook, or list the module in `excludes` if the program does not use it."
        )
