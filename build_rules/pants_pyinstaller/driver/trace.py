"""The layer's half of the proof: every module of the layer imported, and what it does on the way written down.

The run is a frozen one, with the whole layer in the bundle. A module that imports there is proved; only modules that
fail are imported unfrozen as well, to see whether they fail there in the same way. So one pass over the resolve gives
the dynamic imports for the selection and the proof at once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from . import contract, index, outputs
from .analysis import selection
from .bundle.contents import Layers, open_code
from .outputs import App, Entry, Selection
from .progress import step
from .proof import compare, runs

_TESTS = frozenset({"test", "tests"})


def run(request: contract.TraceRequest) -> None:
    """Write TRACE_RESULT.

    ``dynamic`` maps a module to what it imported
    without a statement that analysis sees; ``files`` maps it to files of the lock that it looked for in vain, as
    sources are; ``differences`` are modules that do unfrozen what they do not do frozen.
    """
    layer = index.read(request.layer)
    layers = whole(request.layer, layer)
    tests = _unused_tests(layer)
    names = [
        name
        for name, node in zip(layer.names, layer.nodes)
        if node.kind in index.PRESENT_KINDS
        and node.kind not in ("alias", "runtime", "namespace")
        and name not in tests
        and _importable(name)
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        step(f"trace: importing {len(names)} modules frozen")
        try:
            command = runs.frozen_command(layers, work)
            frozen = runs.run(command, runs.Job(names, dynamic=True), "", work)
            failed = [name for name in names if frozen.outcomes[name].error is not None]
            step(
                f"trace: {len(names) - len(failed)} imported; {len(failed)} failed: importing those unfrozen"
            )
            differences, _ = compare.failures(
                layers, frozen, command, failed, request.site, work, []
            )
        finally:
            runs.release(work)
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "dynamic": dynamic_edges(layer, frozen.requests),
        "differences": [vars(item) for item in differences],
        "files": read_files(layer, frozen.missed_files),
    }
    outputs.write_json(request.output, contract.TRACE_RESULT, result)
    step(
        f"trace: {len(differences)} modules differ, {len(result['dynamic'])} modules import dynamically"
    )


def _importable(name: str) -> bool:
    if name.endswith(".__main__") or selection.is_under(name, runs.NEVER_IMPORTED):
        return False
    if not runs.DEMONSTRATIONS.isdisjoint(name.lower().split(".")):
        return False
    return not (sys.platform != "win32" and name in ("nt", "winreg", "msvcrt"))


def _unused_tests(layer: index.Index) -> set[str]:
    """Modules of a package's tests that nothing else imports: test suites are programs, and may run for minutes."""
    tests = {name for name in layer.names if not _TESTS.isdisjoint(name.split(".")[1:])}
    used: set[str] = set()
    for name, node in zip(layer.names, layer.nodes):
        if name not in tests:
            used.update(layer.names[edge] for edge in node.edges)
    return {name for name in tests if not selection.is_under(name, used & tests)}


def whole(layer_path: str, layer: index.Index) -> Layers:
    """A bundle of everything that the layer holds, without any application."""
    chosen = Selection(
        modules=[
            name for name, node in zip(layer.names, layer.nodes) if node.kind in index.PRESENT_KINDS
        ],
        files=sorted(layer.files),
        rthooks=sorted(layer.scripts),
        dists=list(range(len(layer.dists))),
    )
    nothing = App(Entry("", ""))
    return Layers(layer_path, "", layer, nothing, open_code(layer_path), b"", chosen)


def read_files(layer: index.Index, missed: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """Module -> files of the lock, none of the layer's, that it asked for."""
    found: dict[str, list[str]] = {}
    for path, (_, asker) in sorted(missed.items()):
        if path in layer.others and asker in layer.number:
            found.setdefault(asker, []).append(path)
    return dict(sorted(found.items()))


def dynamic_edges(layer: index.Index, requests: set[tuple[str, str]]) -> dict[str, list[str]]:
    """Requests that are no edge of the index: importer -> modules."""
    found: dict[str, set[str]] = {}
    for importer, name in requests:
        source, target = layer.number.get(importer), layer.number.get(name)
        if source is None or target is None or source == target:
            continue
        if layer.nodes[target].kind not in index.PRESENT_KINDS or target in layer.base:
            continue
        node = layer.nodes[source]
        if node.owner < 0 <= layer.nodes[target].owner:
            continue  # the standard library asks for nothing but its own
        if target not in node.edges and not importer.startswith(name + "."):
            found.setdefault(importer, set()).add(name)
    return {importer: sorted(names) for importer, names in sorted(found.items())}
