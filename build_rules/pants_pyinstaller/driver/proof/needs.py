"""What runs used or looked for in vain, and which of it the lock has: it joins the selection."""

from __future__ import annotations

from collections.abc import Iterable

from .. import index
from ..analysis import first_party, selection
from ..analysis.distributions import module_of, normalize
from ..bundle.contents import Layers
from . import runs
from .exercise_sides import Seen


def needed(layers: Layers, report: runs.Report) -> tuple[set[str], set[str]]:
    """Modules and files that were asked for and that the layer has but the bundle lacks."""
    selected = set(layers.chosen.modules)
    out = (*layers.app.wanted.excludes, *layers.app.wanted.shadowed)
    modules = {
        name
        for name, (_, asker) in report.missed_modules.items()
        if name not in selected
        and not selection.is_under(name, first_party.unfollowed_by(asker, layers.app.unfollowed))
        and layers.layer.is_present(name)
        and not selection.is_under(name, out)
    }
    files = set(layers.chosen.files)
    wanted: set[str] = set()
    for path in report.missed_files:
        known = path in layers.layer.files or (
            path in layers.layer.others and not path.endswith((".pyc", ".so"))
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
    return modules, wanted | _sources(layers, selected, files, wanted)


def _sources(layers: Layers, selected: set[str], files: set[str], wanted: set[str]) -> set[str]:
    """Sources of distributions that read theirs: those of their selected modules, and the stubs beside them.

    Each module of such a distribution may ask for the next one, so that one run would show one file. One source alone
    may be a message that shows a line; a distribution that asks for a second one gets them all.
    """
    others = layers.layer.others
    asking = {others[path] for path in wanted if path in others}
    asking &= {others[path] for path in files if path in others}
    return {
        path
        for path, owner in others.items()
        if owner in asking
        and path not in files
        and path.endswith((".py", ".pyi"))
        and module_of(path.removesuffix("i")) in selected
    }


def used(layers: Layers, seen_by: Iterable[Seen]) -> tuple[set[str], set[str]]:
    """Modules and files of the lock that unfrozen runs used and that the selection lacks."""
    layer = layers.layer
    selected, files = set(layers.chosen.modules), set(layers.chosen.files)
    modules, wanted = set(), set()
    for seen in seen_by:
        for name in seen.modules - selected:
            node = layer.node(name)
            if (
                node is not None
                and node.owner >= 0
                and node.kind in index.PRESENT_KINDS
                and not _is_out(layers, name)
            ):
                modules.add(name)
        # Whoever looks for any distribution reads the metadata of all.
        wanted |= {
            path
            for path in seen.files - files
            if (path in layer.files or path in layer.others) and ".dist-info/" not in path
        }
    return modules, wanted


def missed(layers: Layers, seen_by: Iterable[Seen]) -> tuple[set[str], set[str]]:
    """Modules and files that frozen runs looked for in vain, although the lock has them."""
    layer = layers.layer
    files = set(layers.chosen.files)
    modules, wanted = set(), set()
    for seen in seen_by:
        report = runs.Report(
            missed_modules=dict.fromkeys(seen.modules, ("", "")),
            missed_files=dict.fromkeys(seen.files, ("", "")),
        )
        more_modules, more_files = needed(layers, report)
        modules |= more_modules
        wanted |= more_files | {path for path in seen.files - files if path in layer.others}
        asked = {normalize(name) for name in seen.distributions}
        for dist in layer.dists:
            if dist.key in asked or not seen.groups.isdisjoint(dist.entry_points):
                wanted |= set(dist.metadata) - files
    return modules, wanted


def _is_out(layers: Layers, name: str) -> bool:
    asked = layers.app.wanted
    return selection.is_under(name, (*asked.excludes, *asked.shadowed))
