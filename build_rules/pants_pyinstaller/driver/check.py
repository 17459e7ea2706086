"""The application's half of the proof: one frozen run of what it imports, at every change.

Bundled is exactly the selection. Imported is every first-party module and everything that first-party code imports,
also inside functions. What is asked for and missing, though the layer has it, joins the selection and the run is
repeated; so the selection is derived from what the program does. Modules of the layer that this run does not reach
were imported frozen by the layer's trace, and what they needed is in the selection by its closure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from . import contract, notes, outputs
from .analysis import first_party, import_hooks, own_imports, selection
from .bundle import lazy, shape
from .bundle.contents import load_layers
from .errors import DriverError
from .progress import step
from .proof import compare, needs, runs, targets, verdict

_ROUNDS = 6


@dataclass
class _Found:
    """What runs showed to be missing from the bundle, and hence joins it.

    :param askers: module -> who asked for it first.
    :param own: sources of the application that are read, or that an import hook loads: destinations.
    :param unpacked: first-party modules that an import hook loads.
    """

    modules: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    unpacked: set[str] = field(default_factory=set)
    askers: dict[str, str] = field(default_factory=dict)

    def add(self, other: _Found) -> list[str]:
        """Join ``other``; returns what is new."""
        new: set[str] = set()
        for name in ("modules", "files", "own", "unpacked"):
            more = getattr(other, name) - getattr(self, name)
            getattr(self, name).update(more)
            new |= more
        self.askers = {**other.askers, **self.askers}
        return sorted(new)


class _Proof:
    """One application, its job, and the runs."""

    def __init__(self, request: contract.CheckRequest, work: str) -> None:
        self.request, self.work = request, work
        self.known = outputs.read_trace(request.trace)
        self.found = _Found()
        self.layers = load_layers(request.layer, request.app, self.known["dynamic"])
        sources, _ = first_party.read_sources(request.source_roots, 0)
        own = {item.name for item in self.layers.app.modules}
        sources = {name: item for name, item in sources.items() if name in own}
        self.sources = first_party.without(sources, self.layers.app.unfollowed)
        self.main = targets.main_module(self.layers.app.entry, self.sources)
        start = self.main or self.layers.app.entry.called
        self.imports = own_imports.Imports(self.sources, [start] if start else [], self.main)
        self.names, self.attributes = targets.targets(
            self.sources, self.layers, self.main, self.imports
        )
        self.hooked: dict[str, str] | None = None
        if self.installs_hook():
            self.unpack(set(self.sources) - {self.main, self.layers.app.entry.called})
            self.load()

    def installs_hook(self) -> bool:
        """Whether what runs at the start, which no proof runs, installs an import hook that loads sources."""
        index = self.layers.layer
        owners = {index.nodes[index.number[name]].owner for name in index.import_hooks} - {-1}

        def read(name: str) -> tuple[bytes, bool] | None:
            source, node = self.sources.get(name), index.node(name)
            if source is not None:
                return source.text, source.kind == "package"
            if node is None or node.owner not in owners:
                return None
            for dest in (f"{name.replace('.', '/')}/__init__.py", f"{name.replace('.', '/')}.py"):
                path = os.path.join(self.request.site, *dest.split("/"))
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        return file.read(), dest.endswith("__init__.py")
            return None

        if not owners and not any(item.scan.hooks for item in self.sources.values()):
            return False
        entry = self.layers.app.entry
        return import_hooks.installs(self.main or entry.called, entry.function, read)

    def unpack(self, names: Iterable[str], found: _Found | None = None) -> None:
        """Have the named first-party modules as sources alone, for the import hook that loads them."""
        found = found or self.found
        for name in names:
            if self.sources[name].dest.endswith(".py"):
                found.unpacked.add(name)
                found.own.add(self.sources[name].dest)

    def load(self) -> None:
        """The layers with what was found."""
        by_dest = {item.dest: item.path for item in self.sources.values() if item.path}
        self.layers = load_layers(
            self.request.layer,
            self.request.app,
            self.known["dynamic"],
            self.found.modules,
            self.found.files,
            self.request.site,
            own_files={dest: by_dest[dest] for dest in sorted(self.found.own)},
            unpacked=self.found.unpacked,
        )

    def frozen(self) -> runs.Report:
        """One frozen run, in the shape that ships."""
        runs.release(self.work)
        layers = self.layers
        self.command = runs.frozen_command(
            layers, self.work, mode=self.request.mode, pack=self.request.pack
        )
        job = runs.Job(
            self.names,
            self.attributes,
            targets.versions(layers),
            targets.resources(layers),
            dynamic=True,
            own=sorted(self.sources),
        )
        return runs.run(self.command, job, "", self.work)

    def unfrozen(self) -> runs.Report:
        """The same imports in an ordinary environment."""
        roots = list(self.request.source_roots)
        command = runs.unfrozen_command(
            self.request.layer, self.layers.layer, self.request.site, roots, self.work
        )
        job = runs.Job(self.names, self.attributes, record=False, own=sorted(self.sources))
        return runs.run(command, job, os.path.realpath(self.request.site), self.work)

    def missing(self, report: runs.Report) -> _Found:
        """What this run looked for in vain, although an ordinary environment has it."""
        modules, files = needs.needed(self.layers, report)
        by_dest = {item.dest: name for name, item in self.sources.items() if item.path}
        found = _Found(modules, files, set(report.missed_files) & set(by_dest))
        found.askers = {name: report.missed_modules[name][1] for name in modules}
        if report.importers and self.hooked is None:
            self.hooked = self.unfrozen().loaders
        self.unpack(self.hooked or (), found)
        return found

    def still_failing(self, imported: set[str]) -> list[compare.Difference]:
        """What differed in the trace and differs here, where the bundle holds what was found missing."""
        among = imported & set(self.layers.chosen.modules)
        known = [item for item in self.known["differences"] if item["module"] in among]
        if not known:
            return []
        job = runs.Job([item["module"] for item in known], record=False)
        outcomes = runs.run(self.command, job, "", self.work).outcomes
        return [
            compare.Difference(**item)
            for item in known
            if outcomes[item["module"]].error is not None
        ]

    def prove(self) -> runs.Report:
        """Run frozen until nothing more is found missing."""
        for attempt in range(_ROUNDS):
            report = self.frozen()
            new = self.found.add(self.missing(report))
            if not new:
                break
            step(
                f"check: {', '.join(new[:8])} found missing at run time: added (run {attempt + 2})"
            )
            self.load()
        return report


def run(request: contract.CheckRequest) -> None:
    """Write CHECK_RESULT, CHECK_FILES/ and NOTES.

    CHECK_RESULT: ``modules`` and ``files`` that join the selection, ``askers`` of those modules; ``own_files``
    (contents in CHECK_FILES) and ``unpacked``: see ``contents.load_layers``; ``early``: see ``early_natives``.

    :raises DriverError: a module does not do frozen what it does unfrozen, or first-party code does not import at all,
        and it is not accepted in ``allow``.
    """
    shape.check_mode(request.mode)
    allow = request.allow or {}
    for name, reason in allow.items():
        if not reason.strip():
            raise DriverError(f"proof_allow: {name} needs a reason")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        try:
            proof = _Proof(request, work)
            report = proof.prove()
            differences, alike = _compare(proof, report)
            imported = {name for _, name in report.requests} | set(proof.names)
            known = proof.still_failing(imported)
        finally:
            runs.release(work)
    layers = proof.layers
    selected = set(layers.chosen.modules)
    differences += known
    said = [
        notes.note(
            "failing-import",
            f"{item['module']} imports unfrozen but not frozen ({item['frozen']}); "
            "nothing imports it when the program starts",
            module=item["module"],
        )
        for item in proof.known["differences"]
        if item["module"] in selected - imported
    ]
    differences = [item for item in differences if item.module not in allow]
    differences.sort(
        key=lambda item: item.module in proof.sources
    )  # the cause before who only imports it
    verdict.refuse_broken(proof.imports, proof.main, alike, allow)
    verdict.refuse(differences, report.faults, allow, layers.app.request.excludes, proof.imports)
    said += verdict.failing(alike, proof.imports, proof.main, allow)
    said += [
        notes.note("accepted", f"{name}: {reason}", module=name) for name, reason in allow.items()
    ]
    said.append(
        notes.note(
            "proof",
            f"{len(proof.names)} modules that first-party code names import frozen ({request.mode}) as unfrozen",
        )
    )
    # Dynamic imports that the trace saw are part of the closure: `assemble` has no trace, so they are named here.
    plain = selection.select(layers.layer, layers.app.request, {})
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "modules": sorted(selected - set(plain.modules)),
        "files": sorted(set(layers.chosen.files) - set(plain.files)),
        "askers": proof.found.askers,
        "own_files": sorted(layers.own_places),
        "unpacked": sorted(proof.found.unpacked),
        "early": lazy.early_natives(layers, set(proof.sources), _requests(proof, report)),
    }
    os.makedirs(request.output, exist_ok=True)
    for dest, path in layers.own_places.items():
        target = os.path.join(request.output, contract.CHECK_FILES, *dest.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
    notes.write(request.output, said)
    outputs.write_json(request.output, contract.CHECK_RESULT, result)
    step(
        f"check: {len(proof.names)} imports proved frozen, {len(result['modules'])} modules joined the selection"
    )


def _requests(proof: _Proof, report: runs.Report) -> set[tuple[str, str]]:
    """(importer, imported) of every import that succeeded; of the main module, which did not run, what it names."""
    found = report.requests - report.unmet
    for item in proof.imports.of.get(proof.main, ()):
        if item.certain:
            found.add((proof.main, item.base))
            found.update((proof.main, f"{item.base}.{text}") for text in item.attributes)
    return found


def _compare(proof: _Proof, report: runs.Report) -> tuple[list[compare.Difference], dict[str, str]]:
    """Modules that fail frozen alone, or lack an attribute there alone, or are loaded otherwise; and what fails on
    both sides: module, or module.attribute -> its error.
    """
    failed = [name for name in proof.names if report.outcomes[name].error is not None]
    found, same = compare.failures(
        proof.layers,
        report,
        failed,
        proof.request.site,
        proof.work,
        list(proof.request.source_roots),
    )
    alike = {name: outcome.describe() for name, outcome in same.items()}
    absent = [fault for fault in report.faults if fault[0] == "attribute"]
    if absent:
        also = {tuple(fault) for fault in proof.unfrozen().faults}
        for fault in absent:
            if tuple(fault) in also:
                alike[f"{fault[1]}.{fault[2]}"] = f"{fault[1]} has no attribute {fault[2]!r}"
            else:
                found.append(verdict.lacking(fault[1], fault[2]))
    for name, loader in (proof.hooked or {}).items():
        if report.loaders.get(name) != loader:
            found.append(verdict.unhooked(name, loader, report.loaders.get(name)))
    return found, alike
