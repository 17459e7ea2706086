"""The layer's half of the proof: every module of the layer imported, and what it does on the way written down.

The run is a frozen one, with the whole layer in the bundle. A module that imports there is proved; only modules that
fail are imported unfrozen as well, to see whether they fail there in the same way. So one pass over the resolve gives
the dynamic imports for the selection and the proof at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

from . import bundle, contract, index, probing, selection
from .app import App
from .entries import Entry
from .progress import step

_TESTS = frozenset({"test", "tests"})


def run(request: contract.TraceRequest) -> None:
    """Write TRACE_RESULT.

    ``dynamic`` maps a module to what it imported
    without a statement that analysis sees; ``differences`` are modules that do unfrozen what they do not do frozen.
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
            command = probing.frozen_command(layers, work)
            frozen = probing.run(command, probing.Job(names, dynamic=True), "", work)
            failed = [name for name in names if frozen.outcomes[name].error is not None]
            step(
                f"trace: {len(names) - len(failed)} imported; {len(failed)} failed: importing those unfrozen"
            )
            differences, _ = compare(layers, frozen, failed, request.site, work, [])
        finally:
            probing.release(work)
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "dynamic": dynamic_edges(layer, frozen.requests),
        "differences": [vars(item) for item in differences],
    }
    os.makedirs(request.output, exist_ok=True)
    with open(
        os.path.join(request.output, contract.TRACE_RESULT), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(result, out, sort_keys=True, indent=1)
    step(
        f"trace: {len(differences)} modules differ, {len(result['dynamic'])} modules import dynamically"
    )


def _importable(name: str) -> bool:
    if name.endswith(".__main__") or selection.is_under(name, probing.NEVER_IMPORTED):
        return False
    if not probing.DEMONSTRATIONS.isdisjoint(name.lower().split(".")):
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


def whole(layer_path: str, layer: index.Index) -> bundle.Layers:
    """A bundle of everything that the layer holds, without any application."""
    chosen = selection.Selection(
        modules=[
            name for name, node in zip(layer.names, layer.nodes) if node.kind in index.PRESENT_KINDS
        ],
        files=sorted(layer.files),
        rthooks=sorted(layer.scripts),
        dists=list(range(len(layer.dists))),
    )
    nothing = App(contract.SCHEMA, Entry("", ""), {}, [], {}, [], {})
    return bundle.Layers(layer_path, "", layer, nothing, bundle.open_code(layer_path), b"", chosen)


def resources_of(layer: index.Index, files: Iterable[str]) -> list[tuple[str, str]]:
    """(package, path below it) of the data files that belong to regular packages."""
    found = []
    for dest in files:
        item = layer.files[dest]
        if item.kind == "data" and item.owner >= 0 and item.module >= 0:
            package = layer.names[item.module]
            prefix = package.replace(".", "/") + "/"
            if layer.nodes[item.module].kind == "package" and dest.startswith(prefix):
                found.append((package, dest[len(prefix) :]))
    return found


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


def compare(
    layers: bundle.Layers,
    frozen: probing.Report,
    names: list[str],
    site: str,
    work: str,
    roots: list[str],
) -> tuple[list[probing.Difference], dict[str, probing.Outcome]]:
    """Differences among ``names``, which failed frozen, after importing them unfrozen; and those that fail there too.

    Imports in one process influence each other, so what differs is tried once more, each in a process of its own.
    """
    alike: dict[str, probing.Outcome] = {}
    if not names:
        return [], alike
    command = probing.unfrozen_command(layers.layer_path, layers.layer, site, roots, work)
    unfrozen = probing.run(command, probing.Job(names, record=False), os.path.realpath(site), work)
    found = []
    bundle_command = [
        os.path.join(work, "bundle", "probe.exe" if sys.platform == "win32" else "probe")
    ]
    for name in names:
        if probing.same(frozen.outcomes[name].error, unfrozen.outcomes[name].error):
            alike[name] = unfrozen.outcomes[name]
            continue
        alone = probing.Job([name], record=False)
        one = probing.run(bundle_command, alone, "", work).outcomes[name]
        other = probing.run(command, alone, os.path.realpath(site), work).outcomes[name]
        if not probing.same(one.error, other.error) and one.error is not None:
            found.append(probing.explain(name, other, one))
        elif one.error is not None:
            alike[name] = other
    return found, alike
