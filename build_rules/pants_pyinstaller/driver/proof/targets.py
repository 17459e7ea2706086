"""What the proof of an application imports and looks at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from .. import index
from ..analysis import first_party, import_hooks, own_imports, selection
from ..bundle.contents import Layers
from ..outputs import App, Entry, Imported
from . import runs


def imported(
    sources: Mapping[str, first_party.Source], layer: index.Index, app: App, site: str
) -> Imported:
    """What the sources say, so that a proof need not read them.

    :param sources: less imports that hooks take away (``first_party.without``).
    :param site: the directory that the layer was made of.
    """
    main = _main_module(app.entry, sources)
    start = main or app.entry.called
    statements = {
        name: own_imports.statements(source, name != main) for name, source in sources.items()
    }
    names, attributes = _targets(sources, layer, app, main, statements)
    return Imported(
        main,
        [start] if start else [],
        names,
        attributes,
        {name: [source.kind, source.dest] for name, source in sources.items()},
        {
            name: [[item.base, item.attributes, item.certain, item.needed] for item in found]
            for name, found in statements.items()
        },
        _installs_hook(sources, layer, app.entry, main, site),
    )


def imports(found: Imported, roots: Sequence[str]) -> own_imports.Imports:
    """The statements that ``found`` lists.

    :param roots: where the sources lie.
    """

    def path(dest: str) -> str:
        places = (os.path.join(root, *dest.split("/")) for root in roots)
        return next((place for place in places if os.path.isfile(place)), "") if dest else ""

    own = {
        name: own_imports.Own(kind, dest, path(dest)) for name, (kind, dest) in found.own.items()
    }
    statements = {
        name: [
            own_imports.Statement(name, base, tuple(attributes), certain, needed)
            for base, attributes, certain, needed in rows
        ]
        for name, rows in found.statements.items()
    }
    return own_imports.Imports(own, statements, found.start)


def _main_module(entry: Entry, sources: Mapping[str, first_party.Source]) -> str:
    """The first-party module that runs as ``__main__``, "" for none: to import it would be to run the program."""
    if entry.module or not entry.script:
        return entry.module
    return next((name for name, item in sources.items() if item.dest == entry.file), "")


def _installs_hook(
    sources: Mapping[str, first_party.Source],
    layer: index.Index,
    entry: Entry,
    main: str,
    site: str,
) -> bool:
    """Whether what runs at the start, which no proof runs, installs an import hook that loads sources."""
    owners = {layer.nodes[layer.number[name]].owner for name in layer.import_hooks} - {-1}

    def read(name: str) -> tuple[bytes, bool] | None:
        source, node = sources.get(name), layer.node(name)
        if source is not None:
            return source.text, source.kind == "package"
        if node is None or node.owner not in owners:
            return None
        for dest in (f"{name.replace('.', '/')}/__init__.py", f"{name.replace('.', '/')}.py"):
            path = os.path.join(site, *dest.split("/"))
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    return file.read(), dest.endswith("__init__.py")
        return None

    if not owners and not any(item.scan.hooks for item in sources.values()):
        return False
    return import_hooks.installs(main or entry.called, entry.function, read)


def _targets(
    sources: Mapping[str, first_party.Source],
    layer: index.Index,
    app: App,
    main: str,
    statements: Mapping[str, Sequence[own_imports.Statement]],
) -> tuple[list[str], dict[str, list[str]]]:
    """What to import: first-party modules and all that they import, what the program begins with first; and attributes
    that those imports ask for.

    The main module is proved by its imports: it must not run.
    """
    shadowed = set(app.wanted.shadowed)
    called = app.entry.called
    first = [called] if called else []
    attributes: dict[str, set[str]] = {}
    for item in statements.get(main, ()):
        if item.certain:
            first.append(item.base)
            first += [
                f"{item.base}.{text}"
                for text in item.attributes
                if f"{item.base}.{text}" in sources
            ]
    for item in (item for name in sorted(statements) for item in statements[name]):
        if item.base not in sources or item.importer == main:
            for attribute in item.attributes:
                name = f"{item.base}.{attribute}"
                if not layer.is_present(name) and name not in sources:
                    attributes.setdefault(item.base, set()).add(attribute)
    names = [
        name
        for name in sorted(sources)
        if not name.endswith("__main__") and sources[name].kind != "namespace" and name != main
    ]
    wanted: set[str] = set()
    for source in sources.values():
        found, _ = first_party.imports_of(source, sources, layer, shadowed)
        wanted |= found
    out = (*app.wanted.excludes, *runs.NEVER_IMPORTED)
    reached = sorted(
        name
        for name in wanted
        if not selection.is_under(name, out)
        and name not in sources
        and not name.endswith(".__main__")
    )
    never = (*runs.NEVER_IMPORTED, *([main] if main else ()))
    asked = [name for name in first if not selection.is_under(name, never)]
    all_names = list(dict.fromkeys([*asked, *names, *reached]))
    checked = {
        base: sorted(found) for base, found in sorted(attributes.items()) if base in all_names
    }
    return all_names, checked


def versions(layers: Layers) -> list[tuple[str, str]]:
    if (
        not layers.layer.is_present("importlib.metadata")
        or "importlib.metadata" not in layers.chosen.modules
    ):
        return []
    dists = [layers.layer.dists[number] for number in layers.chosen.dists]
    return [(dist.name, dist.version) for dist in dists if dist.metadata]


def resources(layers: Layers) -> list[tuple[str, str]]:
    if "importlib.resources" not in layers.chosen.modules:
        return []
    return resources_of(layers.layer, layers.chosen.files)


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
