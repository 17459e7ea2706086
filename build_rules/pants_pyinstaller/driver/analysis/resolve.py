"""A resolve analysed: its modules compiled, the module graph over all of them, PyInstaller's hooks run."""

from __future__ import annotations

import contextlib
import os
import site as site_module
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import contract
from ..progress import step
from . import compiled, conflicts, distributions, foreign, interpreter, pyinstaller, scan

_KINDS = {
    "SourceModule": "module",
    "CompiledModule": "module",
    "Package": "package",
    "NamespacePackage": "namespace",
    "Extension": "extension",
    "ExtensionPackage": "extension",
    "BuiltinModule": "builtin",
    "RuntimeModule": "runtime",
    "RuntimePackage": "runtime",
    "AliasNode": "alias",
    "ExcludedModule": "excluded",
}


def kind_of(node: Any) -> str:
    """The kind that the index gives a node of PyInstaller's graph (see ``index.Node``)."""
    return _KINDS.get(type(node).__name__, "missing")


class Resolve:
    """An installed resolve and the standard library that it runs on; it may hold no distribution at all."""

    def __init__(self, site: str) -> None:
        self.site = os.path.realpath(site)
        self.library = interpreter.library_paths()
        self.dists = distributions.read_distributions(self.site)
        self.universe = distributions.universe(self.site, self.dists)
        self.library_modules = interpreter.library_modules(self.library)
        self.owner_of = {
            path: number for number, item in enumerate(self.dists) for path in item.files
        }

    def file_owner(self, path: str) -> int:
        """Number of the distribution that a file below the site directory belongs to; -1: none."""
        return self.owner_of.get(os.path.relpath(path, self.site).replace(os.sep, "/"), -1)

    def relative(self, path: str | None) -> str:
        """``path`` below the site directory or the standard library; "" elsewhere."""
        if not path or path == "-":
            return ""
        for root in (self.site, *self.library):
            if path.startswith(root + os.sep):
                return os.path.relpath(path, root).replace(os.sep, "/")
        return ""


@dataclass
class Analysis:
    """What the analysis of a resolve found.

    :param graph: PyInstaller's module graph.
    :param modules: absolute path of a source -> its compiled module.
    :param runtime_hooks: module -> names of its runtime hooks.
    :param scripts: name of a runtime hook -> (path, node).
    """

    graph: Any
    modules: Mapping[str, compiled.Module]
    runtime_hooks: dict[str, list[str]] = field(default_factory=dict)
    scripts: dict[str, tuple[str, Any]] = field(default_factory=dict)


def analyse(resolve: Resolve, request: contract.LayerRequest, work: str) -> Analysis:
    """Compile and analyse everything; PyInstaller must be importable (``pyinstaller.load``)."""
    modules, fresh = _compile(resolve, request)
    step(
        f"{len(modules)} modules compiled and scanned ({fresh} distributions anew, the rest from the cache)"
    )
    graph = _graph(resolve, request, work, modules)
    step("module graph done")
    _run_hooks(graph)
    found = Analysis(graph, modules)
    _add_runtime_hooks(found)
    step("hooks done")
    return found


def _compile(
    resolve: Resolve, request: contract.LayerRequest
) -> tuple[dict[str, compiled.Module], int]:
    """Everything in the resolve and the standard library; see ``compiled.build``."""
    units = []
    for distribution in resolve.dists:
        paths = tuple(
            path
            for path in distribution.files
            if path.endswith(".py") and distributions.module_of(path) is not None
        )
        if paths:
            units.append(compiled.Unit(resolve.site, paths))
    for root in dict.fromkeys(resolve.library_modules.values()):
        units.append(
            compiled.Unit(
                root,
                tuple(path for path, where in resolve.library_modules.items() if where == root),
            )
        )
    return compiled.build(units, request.optimize, request.cache)


def _imported_files(resolve: Resolve, reference: str | None) -> dict[str, str]:
    """Files of import names that two distributions own, where an ordinary import ends elsewhere than it began."""
    twice = conflicts.owned_twice(resolve.universe)
    site = os.path.realpath(reference) if reference else resolve.site
    library = foreign.running_paths() or resolve.library
    found = foreign.exchange(
        conflicts.imported_files(site, sorted(twice), library), site, resolve.site
    )
    for name, path in found.items():
        owners = ", ".join(
            sorted(
                f"{resolve.dists[o].name} {resolve.dists[o].version} ({p})" for p, o in twice[name]
            )
        )
        step(
            f"import name {name!r} is owned by {owners}: an import gives {os.path.relpath(path, resolve.site)}"
        )
    candidates = {
        os.path.join(resolve.site, path.replace("/", os.sep))
        for f in twice.values()
        for path, _ in f
    }
    return {name: path for name, path in found.items() if path in candidates}


def _graph(
    resolve: Resolve,
    request: contract.LayerRequest,
    work: str,
    modules: Mapping[str, compiled.Module],
) -> Any:
    from PyInstaller.building.build_main import discover_hook_directories
    from PyInstaller.depend.analysis import HOOK_PRIORITY_USER_HOOKS

    from . import graph as graph_module

    graph_module.raise_recursion_limit()
    user = [(os.path.abspath(path), HOOK_PRIORITY_USER_HOOKS) for path in request.hooks]
    stand_ins = os.path.join(os.path.realpath(request.tool), "PyInstaller", "fake-modules")
    path = [*resolve.library, resolve.site, *pyinstaller.path_files(resolve.site), stand_ins]
    site_module.getsitepackages = lambda prefixes=None: [
        resolve.site
    ]  # where libraries keep their directories
    graph = graph_module.LayerGraph(
        modules,
        _imported_files(resolve, request.reference),
        [*user, *discover_hook_directories()],
        path,
    )
    empty = os.path.join(work, "hook-nothing.py")
    open(empty, "w").close()
    graph_module.tolerate_failing_hooks(graph.faults, empty)
    graph.scan_legacy_namespace_packages()
    entry = os.path.join(work, "entry.py")
    with open(entry, "w", encoding="utf-8") as file:
        file.write("")
    graph.add_script(entry)
    library = [distributions.module_of(path) for path in resolve.library_modules]
    tools_own = [
        distributions.module_of(file.relative_to(stand_ins).as_posix())
        for file in sorted(Path(stand_ins).rglob("*.py"))
    ]
    for name in sorted(
        filter(None, [*resolve.universe, *library, *sys.builtin_module_names, *tools_own])
    ):
        with contextlib.suppress(ImportError):
            graph.import_hook(name, None)
    names = set(resolve.universe) | {name for name in library if name}
    children: dict[str, list[str]] = {}
    for name in sorted(names):
        children.setdefault(name.rpartition(".")[0], []).append(name)
    graph.add_literal_imports(names.__contains__, children, _may_name(resolve))
    _follow_fallbacks(resolve, graph)
    return graph


def _may_name(resolve: Resolve) -> Callable[[str, str], bool]:
    """Whether a constant of a file can mean a module: of the same distribution, or of one that it requires."""
    by_key = {item.key: number for number, item in enumerate(resolve.dists)}
    reach = [
        {number}
        | {by_key[key] for key in map(distributions.required_key, item.requires) if key in by_key}
        for number, item in enumerate(resolve.dists)
    ]

    def may_name(path: str, name: str) -> bool:
        owner = resolve.file_owner(path)
        return owner >= 0 and any(
            other in reach[owner] for _, other in resolve.universe.get(name, ())
        )

    return may_name


def _follow_fallbacks(resolve: Resolve, graph: Any) -> None:
    """Distributions that the standard library reads where the system lacks something, as zoneinfo does tzdata.

    It names them in a constant of a module that works with ``importlib.resources``.
    """
    from . import graph as graph_module

    tops = {name.partition(".")[0] for name in resolve.universe} - set(sys.stdlib_module_names)
    for node in list(graph.iter_all()):
        module = node.code
        if not isinstance(module, compiled.Module) or module.blob is None:
            continue
        if node.identifier.partition(".")[0] not in sys.stdlib_module_names or not any(
            item.name == "importlib.resources"
            or (item.name == "importlib" and "resources" in (item.attributes or ()))
            for item in module.scan.imports
        ):
            continue
        code = graph_module.code_of(module)
        named = {text.partition(".")[0] for text in scan.constants(code)} & tops
        for top in sorted(named):
            for name in sorted(resolve.universe):
                if name == top or name.startswith(top + "."):
                    graph.follow(name, node)


def _run_hooks(graph: Any) -> None:
    analysis = types.SimpleNamespace(
        graph=graph,
        hooksconfig={},
        excludes=(),
        hiddenimports=[],
        binaries=[],
        datas=[],
        pure=[],
        scripts=[],
    )
    graph.process_post_graph_hooks(analysis)


def _add_runtime_hooks(analysis: Analysis) -> None:
    """The runtime hooks of modules in the graph."""
    for module, paths in sorted(analysis.graph._available_rthooks.items()):
        node = analysis.graph.find_node(module)
        if node is None or kind_of(node) in (
            "missing",
            "excluded",
        ):
            continue
        for path in paths:
            name = os.path.splitext(os.path.basename(path))[0]
            analysis.scripts[name] = (path, analysis.graph.add_script(path))
            analysis.runtime_hooks.setdefault(module, []).append(name)
