"""The layer's half of the proof: every module of the layer imported, and what it does on the way written down.

The run is a frozen one, with the whole layer in the bundle. A module that imports there is proved; what it asked for
and did not find is compared with what the unfrozen environment has; and only modules that fail are imported unfrozen as
well, to see whether they fail there in the same way. So one pass over the resolve gives the dynamic imports for the
selection and the proof at once.
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


def run(request: contract.TraceRequest) -> None:
    """Write TRACE_RESULT.

    ``outcomes`` holds modules that do not import: [type, message]; ``dynamic`` maps a module to what it imported
    without a statement that analysis sees; ``differences`` are modules that do unfrozen what they do not do frozen.
    """
    layer = index.read(request.layer)
    layers = whole(request.layer, layer)
    names = [
        name
        for name, node in zip(layer.names, layer.nodes)
        if node.kind in index.PRESENT_KINDS
        and node.kind not in ("alias", "runtime", "namespace")
        and _importable(name)
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        step(f"trace: importing {len(names)} modules frozen")
        try:
            command = probing.frozen_command(layers, work)
            versions = [(dist.name, dist.version) for dist in layer.dists if dist.metadata]
            resources = resources_of(layer, layer.files)
            job = probing.Job(names, versions=versions, resources=resources, dynamic=True)
            frozen = probing.run(command, job, "", work)
            failed = [name for name in names if frozen.outcomes[name].error is not None]
            suspicious = _silent(layer, frozen, os.path.realpath(request.site))
            step(
                f"trace: {len(names) - len(failed)} imported; {len(failed)} failed: importing those unfrozen"
            )
            differences, _ = compare(layers, frozen, failed, request.site, work, [])
        finally:
            probing.release(work)
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "modules": len(names),
        "outcomes": {name: list(frozen.outcomes[name].error or ()) for name in failed},
        "dynamic": dynamic_edges(layer, frozen.requests),
        "differences": [vars(item) for item in differences],
        "missed": suspicious,
        "faults": [list(fault) for fault in frozen.faults],
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


def _silent(layer: index.Index, report: probing.Report, site: str) -> dict[str, list[str]]:
    """What was asked for, is not in the bundle, and would have been there unfrozen: name or path -> [module, who
    asked].

    The whole layer is in the bundle, so this is what no binary over it can have.
    """
    found: dict[str, list[str]] = {}
    for name, (module, asker) in report.missed_modules.items():
        if layer.is_present(name) or exists_unfrozen(site, name):
            found[name] = [module, asker]
    for path, (module, asker) in report.missed_files.items():
        is_package = (
            path.replace("/", ".") in layer.number
        )  # import finders look into every package's directory
        if (
            not path.endswith((".py", ".pyc"))
            and not is_package
            and os.path.exists(os.path.join(site, *path.split("/")))
        ):
            found[path] = [module, asker]
    return found


def exists_unfrozen(site: str, name: str) -> bool:
    """Whether ``site`` holds a file for the module ``name``."""
    path = os.path.join(site, *name.split("."))
    return os.path.isfile(path + ".py") or os.path.isfile(os.path.join(path, "__init__.py"))


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
