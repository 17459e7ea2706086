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
from collections.abc import Iterable, Mapping

from . import contract, notes, outputs
from .analysis import first_party, selection
from .bundle import lazy, shape
from .bundle.contents import load_layers
from .errors import DriverError
from .outputs import Additions, Proved
from .progress import step
from .proof import compare, needs, runs, targets, verdict

_ROUNDS = 12


class _Proof:
    """One application, its job, and the runs."""

    def __init__(self, request: contract.CheckRequest, work: str) -> None:
        self.request, self.work = request, work
        self.known = outputs.read_trace(request.trace)
        self.found = Additions()
        self.layers = load_layers(request.layer, request.app, request.site)
        self.imported = outputs.read_imports(request.app)
        self.main = self.imported.main
        self.imports = targets.imports(self.imported, request.source_roots)
        self.own = self.imports.own
        self.names = self.imported.names
        self.hooked: dict[str, str] | None = None
        self.add(self.read_in_trace())
        if self.imported.installs_hook:
            own = set(self.own) - {self.main, self.layers.app.entry.called}
            self.add(self.as_sources(sorted(own)))

    def read_in_trace(self) -> Additions:
        """Files that selected modules looked for in the trace: a run that shows it once more is saved."""
        selected, files = set(self.layers.chosen.modules), set(self.layers.chosen.files)
        asked = (paths for name, paths in self.known["files"].items() if name in selected)
        return Additions(files={path for paths in asked for path in paths} - files)

    def as_sources(self, names: Iterable[str]) -> Additions:
        """The named first-party modules as sources alone, for the import hook that loads them."""
        found = {name: self.own[name] for name in names if self.own[name].dest.endswith(".py")}
        return Additions(
            own_files={source.dest: source.path for source in found.values()},
            unpacked=set(found),
        )

    def add(self, more: Additions) -> None:
        """Add to the bundle what it was found to lack."""
        if not more.beyond(self.found):
            return
        self.found.join(more)
        self.layers.refine(more, self.known["dynamic"])

    def frozen(self) -> runs.Report:
        """One frozen run, in the shape that ships."""
        runs.release(self.work)
        layers = self.layers
        self.command = runs.frozen_command(
            layers, self.work, mode=self.request.mode, pack=self.request.pack
        )
        job = runs.Job(
            self.names,
            list(self.imported.attributes.items()),
            targets.versions(layers),
            targets.resources(layers),
            dynamic=True,
            own=sorted(self.own),
        )
        return runs.run(self.command, job, "", self.work)

    def unfrozen(self) -> runs.Report:
        """The same imports in an ordinary environment."""
        roots = list(self.request.source_roots)
        command = runs.unfrozen_command(
            self.request.layer, self.layers.layer, self.request.site, roots, self.work
        )
        attributes = list(self.imported.attributes.items())
        job = runs.Job(self.names, attributes, record=False, own=sorted(self.own))
        return runs.run(command, job, os.path.realpath(self.request.site), self.work)

    def missing(self, report: runs.Report) -> Additions:
        """What this run looked for in vain, although an ordinary environment has it."""
        modules, files = needs.needed(self.layers, report)
        by_dest = {item.dest: item.path for item in self.own.values() if item.path}
        read = {dest: by_dest[dest] for dest in report.missed_files if dest in by_dest}
        askers = {name: report.missed_modules[name][1] for name in modules}
        found = Additions(modules, files, read, askers=askers)
        if report.importers and self.hooked is None:
            self.hooked = self.unfrozen().loaders
        found.join(self.as_sources(self.hooked or ()))
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
            more = self.missing(report)
            if self.request.reduced and (more.own_files or report.restarted):
                raise runs.Reached(set(), "sources are read, or the executable starts itself")
            new = more.beyond(self.found)
            if not new:
                break
            step(
                f"check: {', '.join(new[:8])} found missing at run time: added (run {attempt + 2})"
            )
            self.add(more)
        return report


def run(request: contract.CheckRequest) -> None:
    """Write CHECK_RESULT, CHECK_FILES/ and NOTES, or CHECK_VOID alone.

    CHECK_RESULT is an ``outputs.Proved``; contents of its ``own_files`` are in CHECK_FILES.

    :raises DriverError: a module does not do frozen what it does unfrozen, or first-party code does not import at all,
        and it is not accepted in ``allow``.
    """
    shape.check_mode(request.mode)
    for name, reason in (request.allow or {}).items():
        if not reason.strip():
            raise DriverError(f"proof_allow: {name} needs a reason")
    try:
        _run(request)
    except (runs.Reached, DriverError) as error:
        if not request.reduced:
            raise
        # What the whole application does is not known yet; a message has to show its lines.
        found = sorted(error.executed) if isinstance(error, runs.Reached) else []
        what = error.reason if isinstance(error, runs.Reached) else "something differs"
        outputs.write_json(request.output, contract.CHECK_VOID, {"executed": found})
        step(f"check: {what}: repeated with {len(found) or 'all'} functions more")


def _run(request: contract.CheckRequest) -> None:
    allow = request.allow or {}
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
    messages = [
        notes.note(
            "failing-import",
            f"{item['module']} imports unfrozen but not frozen ({item['frozen']}); "
            "nothing imports it when the program starts",
            module=item["module"],
        )
        for item in proof.known["differences"]
        if item["module"] in selected - imported
    ]
    decided = _excluded_by_hooks(differences, layers.app.unfollowed)
    messages += decided
    accepted = {item["module"] for item in decided} | set(allow)
    differences = [item for item in differences if item.module not in accepted]
    differences.sort(
        key=lambda item: item.module in proof.own
    )  # the cause before who only imports it
    verdict.refuse_broken(proof.imports, proof.main, alike, allow)
    verdict.refuse(differences, report.faults, allow, layers.app.wanted.excludes, proof.imports)
    messages += verdict.failing(alike, proof.imports, allow)
    messages += [
        notes.note("accepted", f"{name}: {reason}", module=name) for name, reason in allow.items()
    ]
    messages.append(
        notes.note(
            "proof",
            f"{len(proof.names)} modules that first-party code names import frozen ({request.mode}) as unfrozen",
        )
    )
    before = layers.app.selection
    added = Additions(
        selected - set(before.modules),
        set(layers.chosen.files) - set(before.files),
        {dest: f"{contract.CHECK_FILES}/{dest}" for dest in layers.own_places},
        proof.found.unpacked,
        proof.found.askers,
    )
    early = lazy.early_natives(layers, set(proof.own), _requests(proof, report))
    os.makedirs(request.output, exist_ok=True)
    for dest, path in layers.own_places.items():
        target = os.path.join(request.output, *added.own_files[dest].split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
    notes.write(request.output, messages)
    outputs.write(request.output, contract.CHECK_RESULT, Proved(layers.chosen, added, early, alike))
    step(
        f"check: {len(proof.names)} imports proved frozen, {len(added.modules)} modules joined the selection"
    )


def _excluded_by_hooks(
    differences: Iterable[compare.Difference], unfollowed: Mapping[str, Iterable[str]]
) -> list[dict[str, str]]:
    """Notes on modules that lack what a hook's ``excludedimports`` takes from them: the user has decided so."""
    return [
        notes.note(
            "accepted",
            f"{item.module} does not import frozen ({item.frozen}): a hook excludes what it imports",
            module=item.module,
        )
        for item in differences
        if selection.is_under(
            compare.missing_name(item.frozen) or "",
            first_party.unfollowed_by(item.module, unfollowed),
        )
    ]


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
        proof.command,
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
