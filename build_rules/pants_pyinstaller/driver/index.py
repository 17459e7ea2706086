"""The layer's index: what every module, file and distribution of a resolve is and needs.

Written once by ``layer``, read by every other program; JSON so that nothing but data crosses a process. Modules
refer to each other by number (position in ``names``).
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from . import contract
from .errors import DriverError

PURE_KINDS = ("module", "package", "namespace")
PRESENT_KINDS = (*PURE_KINDS, "extension", "builtin", "runtime", "alias")
"""Kinds of nodes that stand for something importable; the others are "missing" and "excluded"."""


@dataclass
class Node:
    """One module.

    :param kind: one of PRESENT_KINDS, "missing" or "excluded".
    :param edges: numbers of the modules that it imports (as PyInstaller sees it), its parent package, hidden imports.
    :param owner: number of its distribution; -1: the standard library.
    :param offset, length: its compressed code in LAYER_MODULES; length 0: none.
    :param source: path in the site directory or the standard library, "" when it has none.
    :param files: destinations of the files that it brings (its own extension, hooks' data and binaries).
    """

    kind: str
    edges: list[int]
    owner: int = -1
    offset: int = 0
    length: int = 0
    source: str = ""
    files: list[str] = field(default_factory=list)


@dataclass
class File:
    """One file of the bundle.

    :param kind: "binary" (shared library or extension), "data" or "symlink".
    :param target: of a symlink, relative to its own directory.
    :param needs: destinations of the libraries that it loads.
    :param origin: "lock", "interpreter" or "host".
    :param module: number of the module or package that it belongs to; -1: none.
    """

    kind: str
    size: int = 0
    sha256: str = ""
    executable: bool = False
    target: str = ""
    needs: list[str] = field(default_factory=list)
    origin: str = "lock"
    owner: int = -1
    module: int = -1


@dataclass
class Dist:
    """One distribution: what ``distributions.Distribution`` knows, and what a bundle needs of it."""

    name: str
    version: str
    key: str
    licence: str
    metadata: list[str]
    data: list[str]
    modules: list[int]
    requires: list[str]
    entry_points: dict[str, dict[str, str]]


@dataclass
class Script:
    """Code that the bootloader runs or imports before anything else, or a runtime hook.

    :param kind: PyInstaller's type code: "m" module, "s" script.
    """

    name: str
    kind: str
    offset: int
    length: int
    edges: list[int] = field(default_factory=list)


@dataclass
class Decompressor:
    """An extension module that one-file executables unpack themselves with.

    :param file: path in the layer and in the bundle.
    :param name, version: of its distribution.
    :param license: of all that is in the file.
    """

    file: str
    sha256: str
    name: str
    version: str
    license: str


@dataclass
class Index:
    """Everything; see the fields' types.

    ``missing`` maps an absent module to [importer, how] pairs; ``groups`` a module to the groups of entry points
    that it may ask for (those that some distribution of the resolve provides).
    ``others`` maps every other file of a distribution (sources, headers, data of tests) to the distribution's number:
    a selection may name it, and its content is taken from the site directory. ``faults`` maps a module to what
    failed in its analysis, which concerns programs that use it; ``unresolved`` a module to the lines at which it
    imports by a name that is known at run time alone; ``import_hooks`` are modules that may hold an import hook which
    loads sources.
    """

    schema: int
    platform: str
    python: dict[str, str]
    python_library: str
    pyinstaller: str
    optimize: int
    names: list[str]
    nodes: list[Node]
    base: list[int]
    bootstrap: list[Script]
    rthooks: dict[str, list[str]]
    scripts: dict[str, Script]
    files: dict[str, File]
    dists: list[Dist]
    missing: dict[str, list[list[str]]]
    contested: dict[str, list[str]]
    host_libraries: dict[str, dict[str, Any]]
    interpreter_libraries: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    unresolved: dict[str, list[int]] = field(default_factory=dict)
    import_hooks: list[str] = field(default_factory=list)
    decompressor: Decompressor | None = None

    def __post_init__(self) -> None:
        self.number = {name: position for position, name in enumerate(self.names)}

    def node(self, name: str) -> Node | None:
        """The node called ``name``, None when there is none."""
        number = self.number.get(name)
        return None if number is None else self.nodes[number]

    def is_present(self, name: str) -> bool:
        """Whether ``name`` is importable in the unfrozen environment, as far as analysis knows."""
        node = self.node(name)
        return node is not None and node.kind in PRESENT_KINDS

    def adopt(self, wanted: Iterable[str], site: str | None) -> None:
        """Make files of those among ``wanted`` that are in ``others``.

        :raises DriverError: there are such files, and no site directory to take them from.
        """
        for dest in wanted:
            owner = self.others.get(dest)
            if owner is None or dest in self.files:
                continue
            if site is None:
                raise DriverError(f"{dest} is taken from the site directory, and none is given")
            status = os.stat(os.path.join(site, *dest.split("/")))
            self.files[dest] = File(
                "data",
                size=status.st_size,
                executable=bool(status.st_mode & stat.S_IXUSR),
                owner=owner,
            )


def write(index: Index, directory: str) -> None:
    """Write ``index`` into ``directory``."""
    plain = asdict(index)
    plain["nodes"] = [
        [node.kind, node.edges, node.owner, node.offset, node.length, node.source, node.files]
        for node in index.nodes
    ]
    with open(
        os.path.join(directory, contract.LAYER_INDEX), "w", encoding="utf-8", newline="\n"
    ) as file:
        json.dump(plain, file, sort_keys=True, separators=(",", ":"))


def read(directory: str) -> Index:
    """The index in ``directory``.

    :raises DriverError: written by another version of the driver.
    """
    with open(os.path.join(directory, contract.LAYER_INDEX), encoding="utf-8") as file:
        plain = json.load(file)
    if plain.get("schema") != contract.SCHEMA:
        raise DriverError(
            f"{directory}: layer of another version of the driver (schema {plain.get('schema')})"
        )
    plain["nodes"] = [Node(*row) for row in plain["nodes"]]
    plain["files"] = {dest: File(**row) for dest, row in plain["files"].items()}
    plain["dists"] = [Dist(**row) for row in plain["dists"]]
    plain["bootstrap"] = [Script(**row) for row in plain["bootstrap"]]
    if plain["decompressor"] is not None:
        plain["decompressor"] = Decompressor(**plain["decompressor"])
    plain["scripts"] = {name: Script(**row) for name, row in plain["scripts"].items()}
    return Index(**plain)
