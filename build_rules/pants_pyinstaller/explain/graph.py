"""The graph of an explanation: what is reached, and by which way."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Collection, Iterable

from pants_pyinstaller.explain.document import FILE_KINDS, MODULE_KINDS, Document, Edge, is_under

ROOT_COSTS = {"entry point": 0, "interpreter": 0, "bootloader": 0}
"""What a chain pays for its root: everything else than how the program starts is the worse explanation."""

_OTHER_ROOT = 1000
_COSTS = {"package": 3, "distribution": 2, "metadata": 2, "analysis": 2}


class Graph:
    """A document, indexed.

    :param document: the nodes' positions are their names everywhere here.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = document.nodes
        self.selected = frozenset(document.selected)
        self.outgoing: list[list[Edge]] = [[] for _ in self.nodes]
        self.incoming: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in document.edges:
            self.outgoing[edge.source].append(edge)
            self.incoming[edge.target].append(edge)
        self.modules: dict[str, list[int]] = {}
        self.files: dict[str, int] = {}
        self.dists: dict[str, int] = {}
        for position, node in enumerate(self.nodes):
            if node.kind in MODULE_KINDS:
                self.modules.setdefault(node.name, []).append(position)
            elif node.kind in FILE_KINDS or node.kind == "other":
                self.files.setdefault(node.name, position)
            elif node.kind == "distribution":
                self.dists[node.owner] = position

    def is_out(self, position: int, excludes: Collection[str]) -> bool:
        """Whether a node is a module that may not be in the bundle."""
        node = self.nodes[position]
        if node.kind not in MODULE_KINDS:
            return False
        if node.origin != "application" and is_under(node.name, self.document.shadowed):
            return True
        return is_under(node.name, excludes)

    def closure(self, excludes: Iterable[str] = (), without: Collection[int] = ()) -> set[int]:
        """What the bundle holds if modules named in ``excludes``, and the nodes ``without``, were left out as well.

        Without any this is ``Document.selected`` and the roots. An import of ``a.b`` asks for ``a`` first, so that what
        imports a module of ``excludes`` still brings the packages above it: the proof's run finds them missing.
        """
        further = frozenset(excludes)
        out = frozenset((*self.document.excludes, *further))
        found: set[int] = set()
        waiting: list[int] = []
        deferred: list[Edge] = []

        def add(position: int) -> None:
            if position not in found and position not in without and not self.is_out(position, out):
                found.add(position)
                waiting.append(position)

        def follow(edge: Edge) -> None:
            add(edge.target)
            name = self.nodes[edge.target].name
            if edge.kind in ("import", "trace") and further and is_under(name, further):
                while "." in name:
                    name = name.rpartition(".")[0]
                    for package in self.modules.get(name, ()):
                        add(package)

        for root in self.document.roots:
            add(root)
        while waiting:
            while waiting:
                for edge in self.outgoing[waiting.pop()]:
                    if edge.when < 0:
                        follow(edge)
                    else:
                        deferred.append(edge)
            left = []
            for edge in deferred:
                if not self.is_out(edge.when, out) and self._is_reached(edge.when, found):
                    add(edge.target)
                else:
                    left.append(edge)
            deferred = left
        return found

    def _is_reached(self, package: int, found: Collection[int]) -> bool:
        name = self.nodes[package].name
        while name:
            if any(position in found for position in self.modules.get(name, ())):
                return True
            name = name.rpartition(".")[0]
        return False

    def chain(self, targets: Collection[int]) -> list[Edge]:
        """The shortest way from a root to one of ``targets`` within the bundle; empty: there is none."""
        reached = [target for target in targets if target in self.ways]
        if not reached:
            return []
        edge = self.ways[min(reached, key=lambda target: (self._costs[target], target))]
        found: list[Edge] = []
        while edge is not None:
            found.append(edge)
            edge = self.ways[edge.source]
        return found[::-1]

    @functools.cached_property
    def ways(self) -> dict[int, Edge | None]:
        """Each node that the bundle holds -> the last edge of the shortest way to it; of a root: None."""
        costs: dict[int, int] = {}
        came: dict[int, Edge | None] = {}
        queue: list[tuple[int, int, int, Edge | None]] = []
        for order, root in enumerate(self.document.roots):
            cost = ROOT_COSTS.get(self.nodes[root].name.partition(" (")[0], _OTHER_ROOT)
            heapq.heappush(queue, (cost, order, root, None))
        order = len(queue)
        while queue:
            cost, _, position, edge = heapq.heappop(queue)
            if position in costs:
                continue
            costs[position], came[position] = cost, edge
            for following in self.outgoing[position]:
                if following.target in self.selected and following.target not in costs:
                    order += 1
                    price = cost + _COSTS.get(following.kind, 1)
                    heapq.heappush(queue, (price, order, following.target, following))
        self._costs = costs
        return came

    def reasons(self, targets: Collection[int]) -> list[Edge]:
        """Every edge from within the bundle, or from a root, that ends at one of ``targets``."""
        here = self.selected | frozenset(self.document.roots)
        return [
            edge
            for target in sorted(targets)
            for edge in self.incoming[target]
            if edge.source in here and edge.source not in targets
        ]
