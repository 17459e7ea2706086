"""The application's half of the proof: one frozen run of what it imports, at every change.

Bundled is exactly the selection. Imported is every first-party module and everything that first-party code imports,
also inside functions. What is asked for and missing, though the layer has it, joins the selection and the run is
repeated; so the selection is derived from what the program does. Modules of the layer that this run does not reach
were imported frozen by the layer's trace, and what they needed is in the selection by its closure.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from typing import Any

from . import bundle, contract, firstparty, lazy, probing, selection, trace
from .errors import DriverError
from .progress import step

_ROUNDS = 6


def run(request: contract.CheckRequest) -> None:
    """Write CHECK_RESULT: ``modules`` and ``files`` that join the selection; ``early``: see ``early_natives``.

    :raises DriverError: a module does not do frozen what it does unfrozen, and it is not accepted in ``allow``.
    """
    allow = request.allow or {}
    for name, reason in allow.items():
        if not reason.strip():
            raise DriverError(f"proof_allow: {name} needs a reason")
    known = _read_trace(request.trace)
    layers = bundle.load(request.layer, request.app, known["dynamic"], site=request.site)
    sources, _ = firstparty.read_sources(request.source_roots, 0)
    sources = firstparty.without(sources, layers.app.unfollowed)
    names, attributes = targets(sources, layers)
    extra_modules: set[str] = set()
    extra_files: set[str] = set()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        try:
            for attempt in range(_ROUNDS):
                command = probing.frozen_command(layers, work)
                report = probing.run(
                    command,
                    probing.Job(
                        names, attributes, _versions(layers), _resources(layers), dynamic=True
                    ),
                    "",
                    work,
                )
                modules, files = needed(layers, report)
                if not (modules - extra_modules or files - extra_files):
                    break
                extra_modules |= modules
                extra_files |= files
                step(
                    f"check: {', '.join(sorted(modules | files)[:8])} "
                    f"found missing at run time: added (run {attempt + 2})"
                )
                probing.release(work)
                layers = bundle.load(
                    request.layer,
                    request.app,
                    known["dynamic"],
                    extra_modules,
                    extra_files,
                    request.site,
                )
            failed = [name for name in names if report.outcomes[name].error is not None]
            failed += sorted(
                {fault[1] for fault in report.faults if fault[0] == "attribute"} - set(failed)
            )
            differences = _compare(layers, report, names, failed, request, work)
        finally:
            probing.release(work)
    selected = set(layers.chosen.modules)
    differences += [
        probing.Difference(**item) for item in known["differences"] if item["module"] in selected
    ]
    for path, (_, asker) in sorted(known["missed"].items()):
        if asker in selected and asker not in allow:
            step(
                f"note: {asker} looked for {path}, which the unfrozen environment has and a bundle lacks"
            )
    own = {item.name for item in layers.app.modules}
    differences.sort(
        key=lambda item: item.module in own
    )  # the cause before those who only import it
    refuse([item for item in differences if item.module not in allow], report, allow)
    # Dynamic imports that the trace saw are part of the closure: `assemble` has no trace, so they are named here.
    plain = selection.select(layers.layer, layers.app.request, {})
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "modules": sorted(selected - set(plain.modules)),
        "files": sorted(set(layers.chosen.files) - set(plain.files)),
        "early": early_natives(layers, own, report.requests - report.unmet),
        "accepted": dict(sorted(allow.items())),
    }
    os.makedirs(request.output, exist_ok=True)
    with open(
        os.path.join(request.output, contract.CHECK_RESULT), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(result, out, sort_keys=True, indent=1)
    step(
        f"check: {len(names)} imports proved frozen, {len(result['modules'])} modules joined the selection"
    )


def early_natives(
    layers: bundle.Layers, own: set[str], requests: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """First-party module -> the extension modules that stay packed and that importing it imports, the largest first.

    :param requests: every (importer, imported) that succeeded; nothing but imports ran.
    """
    packed = lazy.plan(layers.layer, layers.chosen.modules, layers.chosen.files)
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


def _read_trace(path: str | None) -> dict[str, Any]:
    if path is None:
        return {"dynamic": {}, "differences": [], "missed": {}}
    with open(os.path.join(path, contract.TRACE_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def targets(
    sources: dict[str, firstparty.Source], layers: bundle.Layers
) -> tuple[list[str], list[tuple[str, tuple[str, ...]]]]:
    """What to import: first-party modules and all that they import; and attributes that those imports ask for."""
    own = {item.name for item in layers.app.modules}
    shadowed = set(layers.app.wanted["shadowed"])
    names = [
        name
        for name in sorted(own)
        if not name.endswith("__main__") and sources[name].kind != "namespace"
    ]
    wanted: set[str] = set()
    attributes: dict[str, set[str]] = {}
    for name in sorted(own):
        found, _ = firstparty.imports_of(sources[name], sources, layers.layer, shadowed)
        wanted |= found
        for base, asked in firstparty.absolute_imports(sources[name]):
            if base not in own and layers.layer.is_present(base):
                for attribute in asked:
                    if not layers.layer.is_present(f"{base}.{attribute}"):
                        attributes.setdefault(base, set()).add(attribute)
    excludes = layers.app.request.excludes
    reached = sorted(
        name
        for name in wanted
        if not selection.is_under(name, (*excludes, *probing.NEVER_IMPORTED)) and name not in own
    )
    checked = [
        (base, tuple(sorted(asked)))
        for base, asked in sorted(attributes.items())
        if base in reached
    ]
    return names + reached, checked


def _versions(layers: bundle.Layers) -> list[tuple[str, str]]:
    if (
        not layers.layer.is_present("importlib.metadata")
        or "importlib.metadata" not in layers.chosen.modules
    ):
        return []
    dists = [layers.layer.dists[number] for number in layers.chosen.dists]
    return [(dist.name, dist.version) for dist in dists if dist.metadata]


def _resources(layers: bundle.Layers) -> list[tuple[str, str]]:
    if "importlib.resources" not in layers.chosen.modules:
        return []
    return trace.resources_of(layers.layer, layers.chosen.files)


def needed(layers: bundle.Layers, report: probing.Report) -> tuple[set[str], set[str]]:
    """Modules and files that were asked for and that the layer has but the bundle lacks."""
    selected = set(layers.chosen.modules)
    out = (*layers.app.request.excludes, *layers.app.request.shadowed)
    modules = {
        name
        for name, (_, asker) in report.missed_modules.items()
        if name not in selected
        and not selection.is_under(name, firstparty.unfollowed_by(asker, layers.app.unfollowed))
        and layers.layer.is_present(name)
        and not selection.is_under(name, out)
    }
    files = set(layers.chosen.files)
    wanted: set[str] = set()
    for path in report.missed_files:
        known = path in layers.layer.files or (
            path in layers.layer.others and not path.endswith((".py", ".pyc", ".so"))
        )
        if known and path not in files:
            wanted.add(path)
        elif (
            not path.endswith((".py", ".pyc", ".so"))
            and path.replace("/", ".") not in layers.layer.number
        ):
            prefix = path.rstrip("/") + "/"
            if "dist-info" not in path:
                wanted.update(
                    dest
                    for dest in layers.layer.files
                    if dest.startswith(prefix) and dest not in files
                )
    return modules, wanted


def _compare(
    layers: bundle.Layers,
    report: probing.Report,
    names: list[str],
    failed: list[str],
    request: contract.CheckRequest,
    work: str,
) -> list[probing.Difference]:
    """Differences among the modules that failed, and attributes that only unfrozen modules have."""
    importable = [
        name
        for name in failed
        if name in report.outcomes and report.outcomes[name].error is not None
    ]
    found = trace.compare(
        layers, report, importable, request.site, work, list(request.source_roots)
    )
    absent = [fault for fault in report.faults if fault[0] == "attribute"]
    if absent:
        command = probing.unfrozen_command(
            request.layer, layers.layer, request.site, list(request.source_roots), work
        )
        asked: dict[str, list[str]] = {}
        for _, module, attribute in absent:
            asked.setdefault(module, []).append(attribute)
        job = probing.Job(names, list(asked.items()), record=False)
        unfrozen = probing.run(command, job, os.path.realpath(request.site), work)
        also = {tuple(fault) for fault in unfrozen.faults}
        for fault in absent:
            if tuple(fault) not in also:
                found.append(
                    probing.Difference(
                        fault[1],
                        f"has the attribute {fault[2]!r}",
                        f"lacks the attribute {fault[2]!r}",
                        "another module of that name is in the bundle, or it fell back because something was missing",
                        f"look for a second distribution that owns {fault[1].partition('.')[0]!r}, "
                        "or add what it loads to hidden_imports",
                    )
                )
    return found


def refuse(
    differences: list[probing.Difference], report: probing.Report, allow: dict[str, str]
) -> None:
    """Fail when anything is left.

    :raises DriverError: with every difference.
    """
    lines = [item.describe() for item in _outermost(differences)]
    for fault in report.faults:
        if fault[0] == "version" and fault[1] not in allow:
            lines.append(
                f"  metadata of {fault[1]}\n    unfrozen: version {fault[2]}\n    frozen:   {fault[3]}\n"
                "    cause:    its dist-info directory is not in the bundle\n"
                "    remedy:   add the distribution to collect"
            )
        elif fault[0] == "resource" and fault[1] not in allow:
            lines.append(
                f"  data file {fault[2]} of package {fault[1]}\n    unfrozen: found\n    frozen:   not found\n"
                "    cause:    the file is not in the bundle\n    remedy:   add its distribution to collect"
            )
    if lines:
        raise DriverError(
            f"the frozen program does not do what the unfrozen one does ({len(lines)} differences):\n"
            + "\n".join(lines)
            + "\nAccept a difference that does not matter in proof_allow = {module: reason}."
        )


def _outermost(differences: list[probing.Difference]) -> list[probing.Difference]:
    """One line for a fault: modules that fail with the exception of another one are named by it alone."""
    seen: set[tuple[str, str]] = set()
    found = []
    for item in differences:
        key = (item.frozen, item.cause)
        if key not in seen:
            seen.add(key)
            found.append(item)
    return found
