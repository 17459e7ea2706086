"""The edges of the application: its entry point, its imports, the fields of its target, what its proof found."""

from __future__ import annotations

import os

from pants_pyinstaller.driver.analysis import compiled, entry_points, first_party, scan, selection
from pants_pyinstaller.driver.analysis.distributions import normalize
from pants_pyinstaller.driver.bundle.archive import PYZ_KINDS
from pants_pyinstaller.driver.outputs import Additions
from pants_pyinstaller.explain.record import statements
from pants_pyinstaller.explain.record.builder import Builder


def add(made: Builder) -> None:
    """Add every edge that begins at the application."""
    _own_edges(made)
    _found(made)


def _own_edges(made: Builder) -> None:
    """The application: its entry point, its modules, the fields of its target."""
    request, app = made.request, made.layers.app
    entry = made.root(f"entry point ({request.entry_point})")
    sources = made.root("dependencies")
    for position in made.own.values():
        made.edge(sources, position, "rule", "a source among the target's dependencies")
    for position in made.own_file.values():
        made.edge(sources, position, "rule", "a file among the target's dependencies")
    for name in filter(None, (app.entry.module, app.entry.called)):
        made.name(entry, name, "start", app.entry.file if app.entry.module else "")
    if app.entry.script:
        script = _script(made)
        if script is not None:
            _follow(made, entry, script, app.entry.file)
    for name in sorted(made.sources):
        _follow(made, made.own[name], made.sources[name], made.sources[name].dest)
    for field, names in (("hidden_imports", request.hidden_imports),):
        for name in names:
            made.name(made.root(f"field {field}"), name, "field", field)
    asked = app.wanted.collect
    fields = (
        ("collect", {normalize(name) for name in request.collect}),
        ("dependencies", {normalize(name) for name in request.requirements}),
    )
    for position, dist in enumerate(made.layer.dists):
        if dist.key not in asked:
            continue
        field = next((field for field, keys in fields if dist.key in keys), "collect")
        root = made.root(f"field {field}")
        made.edge(root, made.dist[position], "field", field)
        for number in dist.modules:
            name = made.layer.names[number]
            if name in made.module:
                made.edge(root, made.module[name], "field", f"{field}: {dist.name}")
    for dest in app.wanted.files:
        if dest in made.file:
            made.edge(made.root("hooks of first-party modules"), made.file[dest], "rule")


def _script(made: Builder) -> first_party.Source | None:
    for root in made.request.source_roots:
        path = os.path.join(root, *made.layers.app.entry.file.split("/"))
        if os.path.isfile(path):
            with open(path, "rb") as file:
                text = file.read()
            code, found = compiled.compile_module(text, made.layers.app.entry.file, 0)
            constants = frozenset(scan.constants(code)) if code else frozenset()
            return first_party.Source("__main__", "module", path, "", b"", found, constants, text)
    return None


def _follow(made: Builder, position: int, source: first_party.Source, detail: str) -> None:
    """Everything that one first-party module or script imports."""
    shadowed = set(made.layers.app.wanted.shadowed)
    wanted, _ = first_party.imports_of(source, made.sources, made.layer, shadowed)
    code = None
    if source.kind in PYZ_KINDS and source.text:
        code = compile(source.text, detail, "exec", dont_inherit=True)
    text = statements.Text(source.name, source.kind == "package", code, source.text)
    own: set[str] = set()
    for base, attributes in first_party.absolute_imports(source):
        for name in (base, *(f"{base}.{item}" for item in attributes)):
            own.update(part for part in selection.lineage(name) if part in made.own)
    own.discard(source.name)
    groups = _groups_of(made, source)
    found = statements.places(text, sorted(wanted | own), made.hooks)
    for name, place in found.items():
        kind, where = place.kind, place.detail or detail
        if kind == "analysis" and name in groups:
            kind, where = "entry point", groups[name]
        if name in own:
            made.edge(position, made.own[name], kind, where, place.line)
        if name in wanted and name in made.module:
            made.edge(position, made.module[name], kind, where, place.line)


def _groups_of(made: Builder, source: first_party.Source) -> dict[str, str]:
    """Modules behind the groups of entry points that a first-party source names."""
    known = {group for dist in made.layer.dists for group in dist.entry_points}
    return {
        name: group
        for group in entry_points.finder(known)(source.text, True)
        for _, modules in selection.plugins_of_group(made.layer, group)
        for name in modules
    }


def _found(made: Builder) -> None:
    """What the proof's runs found missing and added, as far as nothing else explains it."""
    for root, result in (("proof", made.check), ("exercises", made.exercised)):
        found = result.additions if result else Additions()
        for name in sorted(found.modules):
            if name in made.module:
                asker = found.askers.get(name, "")
                source = made.own.get(asker, made.module.get(asker))
                if source is None:
                    source = made.root(root)
                made.edge(source, made.module[name], "proof")
        for dest in sorted(found.files):
            if dest in made.file:
                made.edge(made.root(root), made.file[dest], "proof")
