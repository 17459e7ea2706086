"""The nodes of an explanation, from what the steps of a freeze have left."""

from __future__ import annotations

import os
import re
import zlib
from typing import Any

from pants_pyinstaller.driver import contract, index, outputs
from pants_pyinstaller.driver.analysis import first_party, selection
from pants_pyinstaller.driver.bundle.archive import PYZ_KINDS
from pants_pyinstaller.driver.bundle.contents import load_layers
from pants_pyinstaller.driver.bundle.stored import Stored
from pants_pyinstaller.explain import document
from pants_pyinstaller.explain.record import statements
from pants_pyinstaller.explain.request import RecordRequest

_TABLE_ENTRY = 21
"""Bytes of a module in the PYZ's table of contents besides its name."""

_BRINGS_NOTHING = (".py", ".pyc", ".pyi")


def packed_name(dest: str) -> int:
    """Bytes of a file in the executable's table of contents: an aligned entry with its name."""
    size = 18 + len(dest.encode()) + 1
    return size + -size % 16


class Builder:
    """The steps' results, opened, with a node for each thing of the lock and of the application.

    :param module, file, dist, script, own, own_file: positions of the nodes.
    """

    def __init__(self, request: RecordRequest) -> None:
        self.request = request
        self.dynamic = outputs.read_trace(request.trace)["dynamic"]
        self.check = outputs.read_check(request.check) if request.check else None
        self.exercised = outputs.read_exercise(request.exercise) if request.exercise else None
        self.layers = load_layers(
            request.layer, request.app, request.site, self.check, self.exercised
        )
        self.layer, self.chosen = self.layers.layer, self.layers.chosen
        self.selected = set(self.chosen.modules)
        sources, _ = first_party.read_sources(request.source_roots, request.optimize)
        own = {item.name for item in self.layers.app.modules}
        self.sources = first_party.without(
            {name: item for name, item in sources.items() if name in own},
            self.layers.app.unfollowed,
        )
        hooks = statements.hook_directories(request.tool, request.site, request.hooks)
        self.hooks = statements.Hooks(hooks)
        one_file = request.mode == contract.ONE_FILE and request.pack is not None
        self.stored = Stored(self.layers, request.pack) if one_file else None
        self.nodes: list[document.Node] = []
        self.edges: dict[tuple[int, int, str, str], document.Edge] = {}
        self.roots: dict[str, int] = {}
        self.dropped: list[list[Any]] = []
        self._add_nodes()

    # --- Nodes ----------------------------------------------------------------------------------------------------

    def _node(self, *values: Any, **named: Any) -> int:
        self.nodes.append(document.Node(*values, **named))
        return len(self.nodes) - 1

    def root(self, name: str) -> int:
        if name not in self.roots:
            self.roots[name] = self._node("root", name)
        return self.roots[name]

    def _edge(
        self, source: int, target: int, kind: str, detail: str = "", line: int = 0, when: int = -1
    ) -> None:
        self.edges.setdefault(
            (source, target, kind, detail),
            document.Edge(source, target, kind, detail, line, when),
        )

    def _add_nodes(self) -> None:
        layer = self.layer
        self.base = {layer.names[number] for number in layer.base}
        own_names = {item.name for item in self.layers.app.modules if item.kind != "namespace"}
        self.dist = [
            self._node("distribution", item.name, item.key, "lock") for item in layer.dists
        ]
        self.module: dict[str, int] = {}
        for number, (name, node) in enumerate(zip(layer.names, layer.nodes)):
            if node.kind not in index.PRESENT_KINDS:
                continue
            length = self.stored.code_length(number) if self.stored else node.length
            in_pyz = (
                node.kind in PYZ_KINDS
                and name not in self.base
                and (node.length or node.kind == "namespace")
                and name not in own_names
            )
            table = _TABLE_ENTRY + len(name.encode()) if in_pyz else 0
            self.module[name] = self._node(
                node.kind,
                name,
                layer.dists[node.owner].key if node.owner >= 0 else "",
                "lock" if node.owner >= 0 else "interpreter",
                length + table if in_pyz else 0,
                length if in_pyz else 0,
                node.source,
            )
        self.file = {dest: self._file_node(dest, item) for dest, item in layer.files.items()}
        for dest, owner in layer.others.items():
            if dest not in self.file and not dest.endswith(_BRINGS_NOTHING):
                key = layer.dists[owner].key
                self.file[dest] = self._node("other", dest, key, "lock", 0, 0, dest)
        self.script = {
            name: self._node("hook", name, "", "pyinstaller", item.length, item.length)
            for name, item in layer.scripts.items()
        }
        self.own = {
            item.name: self._node(
                item.kind,
                item.name,
                "",
                "application",
                item.length + _TABLE_ENTRY + len(item.name.encode()) if item.pyz else 0,
                item.length if item.pyz else 0,
                item.dest,
            )
            for item in self.layers.app.modules
        }
        self.own_file = {dest: self._own_file_node(dest) for dest in self.layers.app.files}

    def _file_node(self, dest: str, item: index.File) -> int:
        layer = self.layer
        hidden = (
            dest in self.layers.app.files
        )  # the application's file of that name takes its place
        packed = 0 if hidden else item.size
        if self.stored is not None and not hidden:
            if item.kind == "symlink":
                packed = len(item.target) + 1
            elif dest not in layer.others:
                packed = self.stored.length(dest)
            packed += packed_name(dest)
        kind = {"binary": "native", "symlink": "symlink"}.get(item.kind, "data")
        if kind == "data" and re.search(r"\.(dist|egg)-info/", dest):
            kind = "metadata"
        owner = layer.dists[item.owner].key if item.owner >= 0 else ""
        return self._node(kind, dest, owner, item.origin, packed, 0 if hidden else item.size, dest)

    def _own_file_node(self, dest: str) -> int:
        path = self.layers.own_path(dest)
        size = os.path.getsize(path)
        packed = size
        if self.stored is not None:
            with open(path, "rb") as file:
                packed = len(zlib.compress(file.read(), 6)) + packed_name(dest)
        native = dest.endswith((".so", ".pyd", ".dll", ".dylib"))
        return self._node(
            "native" if native else "data", dest, "", "application", packed, size, dest
        )

    def edge(
        self, source: int, target: int, kind: str, detail: str = "", line: int = 0, when: int = -1
    ) -> None:
        """Add an edge; of several with one meaning the first stays."""
        self.edges.setdefault(
            (source, target, kind, detail),
            document.Edge(source, target, kind, detail, line, when),
        )

    def name(
        self,
        source: int,
        name: str,
        kind: str,
        detail: str = "",
        line: int = 0,
        *,
        own: bool = True,
    ) -> None:
        """As ``selection.select`` adds a name: with its parent packages."""
        for part in selection.lineage(name):
            if own and part in self.own:
                self.edge(source, self.own[part], kind, detail, line)
            if part in self.module:
                self.edge(source, self.module[part], kind, detail, line)
