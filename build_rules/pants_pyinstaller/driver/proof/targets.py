"""What the proof of an application imports and looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import index
from ..analysis import first_party, own_imports, selection
from ..bundle.contents import Layers
from ..outputs import Entry
from . import runs


def main_module(entry: Entry, sources: Mapping[str, first_party.Source]) -> str:
    """The first-party module that runs as ``__main__``, "" for none: to import it would be to run the program."""
    if entry.module or not entry.script:
        return entry.module
    return next((name for name, item in sources.items() if item.dest == entry.file), "")


def targets(
    sources: Mapping[str, first_party.Source],
    layers: Layers,
    main: str,
    imports: own_imports.Imports,
) -> tuple[list[str], list[tuple[str, tuple[str, ...]]]]:
    """What to import: first-party modules and all that they import, what the program begins with first; and attributes
    that those imports ask for.

    The main module is proved by its imports: it must not run.
    """
    shadowed = set(layers.app.wanted.shadowed)
    called = layers.app.entry.called
    first = [called] if called else []
    attributes: dict[str, set[str]] = {}
    for item in imports.of.get(main, ()):
        if item.certain:
            first.append(item.base)
            first += [
                f"{item.base}.{text}"
                for text in item.attributes
                if f"{item.base}.{text}" in sources
            ]
    for item in (item for name in sorted(imports.of) for item in imports.of[name]):
        if item.base not in sources or item.importer == main:
            for attribute in item.attributes:
                name = f"{item.base}.{attribute}"
                if not layers.layer.is_present(name) and name not in sources:
                    attributes.setdefault(item.base, set()).add(attribute)
    names = [
        name
        for name in sorted(sources)
        if not name.endswith("__main__") and sources[name].kind != "namespace" and name != main
    ]
    wanted: set[str] = set()
    for source in sources.values():
        found, _ = first_party.imports_of(source, sources, layers.layer, shadowed)
        wanted |= found
    out = (*layers.app.wanted.excludes, *runs.NEVER_IMPORTED)
    reached = sorted(
        name for name in wanted if not selection.is_under(name, out) and name not in sources
    )
    never = (*runs.NEVER_IMPORTED, *([main] if main else ()))
    asked = [name for name in first if not selection.is_under(name, never)]
    all_names = list(dict.fromkeys([*asked, *names, *reached]))
    checked = [
        (base, tuple(sorted(found)))
        for base, found in sorted(attributes.items())
        if base in all_names
    ]
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
