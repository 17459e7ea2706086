"""Which native libraries of a one-file executable may stay packed until they are needed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..index import Index
from .contents import Layers

BEFORE = frozenset({"_ctypes", "_struct", "zlib"})
"""Extension modules that the bootloader's code imports before the hook runs that unpacks."""

BEFORE_CODE = frozenset({"ctypes", "ctypes.util", "struct", "zlib"})
"""Modules that it may import before the hook runs which knows Zstandard, with all that they import."""

SMALLEST = 1 << 16
"""Bytes below which a file is unpacked at once: the saving would be less than the bookkeeping."""


def plan(index: Index, modules: Collection[str], files: Collection[str]) -> dict[str, list[str]]:
    """Extension module -> files to unpack when it is imported, its own last.

    Lazy are extension modules that no library loads, and shared libraries that only lazy files load. Everything that
    may be reached in another way (through ctypes, by a hook, by a program that is started) is unpacked at the start
    as ever.
    """
    selected = set(files)
    chosen = set(modules)
    own: dict[str, str] = {}
    for name, node in zip(index.names, index.nodes):
        if node.kind == "extension" and name in chosen and name not in BEFORE:
            for dest in node.files:
                item = index.files.get(dest)
                if (
                    item is not None
                    and item.kind == "binary"
                    and item.module == index.number[name]
                    and dest in selected
                ):
                    own[dest] = name
    users: dict[str, set[str]] = {}
    for dest in selected:
        for need in index.files[dest].needs if dest in index.files else ():
            users.setdefault(need, set()).add(dest)
    opening = _that_open_libraries(index, chosen)
    hooked = {
        dest for name in chosen for dest in index.nodes[index.number[name]].files if dest not in own
    }
    links = {
        dest for dest in selected if dest in index.files and index.files[dest].kind == "symlink"
    }
    lazy = {
        dest
        for dest in own
        if not users.get(dest)
        and dest not in hooked
        and (index.files[dest].size >= SMALLEST or _brings_libraries(index, dest, selected))
    }
    changed = True
    while changed:
        changed = False
        for dest in selected - lazy - hooked - links - set(own):
            item = index.files.get(dest)
            if item is None or item.kind != "binary" or dest == index.python_library:
                continue
            if item.owner in opening:
                continue
            loaded_by = users.get(dest, set())
            if (
                loaded_by
                and loaded_by <= lazy
                and not any(need in links for user in loaded_by for need in index.files[user].needs)
            ):
                lazy.add(dest)
                changed = True
    result: dict[str, list[str]] = {}
    for dest in sorted(lazy & set(own)):
        result[own[dest]] = [*_libraries(index, dest, lazy), dest]
    return result


def _that_open_libraries(index: Index, chosen: Collection[str]) -> set[int]:
    """Distributions whose modules use cffi, which opens libraries without asking Python."""
    cffi = {index.number[name] for name in ("cffi", "_cffi_backend") if name in index.number}
    nodes = [index.nodes[index.number[name]] for name in chosen]
    return {node.owner for node in nodes if node.owner >= 0 and not cffi.isdisjoint(node.edges)}


def _brings_libraries(index: Index, dest: str, selected: set[str]) -> bool:
    return any(
        index.files[need].size >= SMALLEST for need in index.files[dest].needs if need in selected
    )


def _libraries(index: Index, dest: str, lazy: set[str]) -> list[str]:
    """Lazy libraries that ``dest`` loads, directly or not, those they load themselves first."""
    found: dict[str, None] = {}

    def visit(current: str) -> None:
        for need in index.files[current].needs:
            if need in lazy and need not in found:
                visit(need)
                found[need] = None

    visit(dest)
    return [need for need in found if need != dest]


def early_natives(
    layers: Layers, own: set[str], requests: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """First-party module -> the extension modules that stay packed and that importing it imports, the largest first.

    :param requests: every (importer, imported) that succeeded; nothing but imports ran.
    """
    packed = plan(layers.layer, layers.chosen.modules, layers.chosen.files)
    targets: dict[str, set[str]] = {}
    for importer, name in requests:
        found = targets.setdefault(importer, set())
        while name:
            found.add(name)
            name = name.rpartition(".")[0]

    def size(name: str) -> int:
        return sum(layers.layer.files[dest].size for dest in packed[name])

    result = {}
    for module in sorted(own):
        seen: set[str] = set()
        waiting = [module]
        while waiting:
            current = waiting.pop()
            if current not in seen:
                seen.add(current)
                waiting += targets.get(current, ())
        reached = sorted(seen & set(packed), key=lambda name: (-size(name), name))
        if reached:
            result[module] = reached
    return result
