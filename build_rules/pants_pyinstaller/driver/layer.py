"""The dependency layer: everything that any binary over a resolve may need, analysed and compiled once."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import contract, index, outputs
from .analysis import (
    compiled,
    conflicts,
    entry_points,
    floors,
    foreign,
    interpreter,
    licences,
    missing,
    msvc,
    natives,
    preflight,
    pyinstaller,
)
from .analysis.code_writer import CodeWriter
from .analysis.collect import Collection
from .analysis.resolve import Analysis, Resolve, analyse
from .bundle import zstandard
from .errors import DriverError, listing
from .macho import bundled, image
from .progress import step


def run(request: contract.LayerRequest) -> None:
    """Write the layer of ``request``.

    :raises DriverError: broken tools, an unsupported PyInstaller, an unusable site directory.
    """
    if request.optimize not in (0, 1, 2):
        raise DriverError(f"optimize must be 0, 1 or 2, not {request.optimize}")
    preflight.check_tools(request.strip)
    os.makedirs(request.output, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        version = pyinstaller.load(request.tool, request.site, work, reference=request.reference)
        resolve = Resolve(request.site)
        step(
            f"layer: {len(resolve.dists)} distributions, PyInstaller {version}, {interpreter.platform_name()}"
        )
        analysis = analyse(resolve, request, work)
        _write(resolve, analysis, request, version, Collection(resolve, request, work))
    if request.reference:
        _write_reference(request)


@dataclass
class _Graph:
    """PyInstaller's graph with its modules numbered.

    :param nodes: name -> node, sorted by name; ``number`` is the position in that order.
    :param edges: name of a module or of a runtime hook -> sorted numbers of the modules that it imports.
    """

    nodes: dict[str, Any]
    number: dict[str, int]
    edges: dict[str, list[int]]
    base: list[str]


def _numbered(analysis: Analysis) -> _Graph:
    graph = analysis.graph
    found = {
        node.graphident: node
        for node in graph.iter_all()
        if type(node).__name__ not in ("Script", "InvalidRelativeImport")
    }
    nodes = {name: found[name] for name in sorted(found)}
    number = {name: position for position, name in enumerate(nodes)}
    edges: dict[str, set[int]] = {name: set() for name in (*nodes, *analysis.scripts)}
    scripts = {id(node): name for name, (_, node) in analysis.scripts.items()}
    for head, tail, _ in graph.graph.edges.values():
        source = head
        if head not in nodes:
            node = graph.graph.node_data(head) if head in graph.graph else None
            source = scripts.get(id(node))
        if source is not None and tail in number:
            edges[source].add(number[tail])
    base = sorted({node.graphident for node in graph._base_modules if node.graphident in number})
    return _Graph(nodes, number, {name: sorted(targets) for name, targets in edges.items()}, base)


def _write(
    resolve: Resolve,
    analysis: Analysis,
    request: contract.LayerRequest,
    version: str,
    collection: Collection,
) -> None:
    graph = _numbered(analysis)
    names = list(graph.nodes)
    with open(os.path.join(request.output, contract.LAYER_MODULES), "wb") as blob:
        writer = CodeWriter(resolve, analysis, request.optimize, blob)
        modules = [writer.node(graph.nodes[name], graph.edges[name]) for name in names]
        bootstrap = _bootstrap(writer, collection)
        scripts = {
            name: writer.script(name, "s", path, graph.edges[name])
            for name, (path, _) in analysis.scripts.items()
        }
    step(f"{sum(module.length > 0 for module in modules)} compiled modules written")
    collection.add_module_files(analysis.graph, graph.nodes, graph.number, modules)
    collection.add_base_library(graph.base, graph.nodes, analysis.modules)
    collection.add_data_files(graph.number, modules)
    collection.add_sources_as_files(
        dict(analysis.graph._module_collection_mode), names, graph.nodes, modules
    )
    python_library = collection.add_libraries(analysis.graph, graph.nodes)
    host = collection.copy_all()
    if sys.platform == "win32":
        msvc.refuse_old_runtime(
            {
                dest: collection.sources[dest]
                for dest, item in collection.files.items()
                if item.kind == "binary"
            }
        )
    if foreign.adopted() is not None:
        _refuse_unresolved(request.output, collection.files)
    shutil.copytree(
        os.path.join(os.path.realpath(request.tool), "PyInstaller", "bootloader"),
        os.path.join(request.output, "bootloader"),
        dirs_exist_ok=True,
        copy_function=shutil.copyfile,
    )
    decompressor = None
    # What packs loads it, too. Nothing has tried it on Windows yet.
    if foreign.adopted() is None and sys.platform != "win32":
        decompressor = zstandard.install(request.tool, request.output, request.strip, request.cache)
    _write_floors(request.output, collection.files, decompressor)
    licences.write(resolve, request, host, zstandard.PROJECT)
    own = interpreter.own_libraries()["libraries"]
    made = index.Index(
        schema=contract.SCHEMA,
        platform=interpreter.platform_name(),
        python=interpreter.identity(python_library),
        python_library=os.path.basename(python_library),
        pyinstaller=version,
        optimize=request.optimize,
        names=names,
        nodes=modules,
        base=[graph.number[name] for name in graph.base],
        bootstrap=bootstrap,
        rthooks=analysis.runtime_hooks,
        scripts=scripts,
        files=collection.files,
        dists=_dists(resolve, collection.files, modules),
        missing=missing.find(analysis.graph, graph.nodes, request.cache),
        contested=conflicts.contested_files(resolve.site, resolve.dists),
        host_libraries=host,
        interpreter_libraries=natives.described_libraries(
            {
                dest: collection.sources[dest]
                for dest, item in collection.files.items()
                if item.kind == "binary" and item.origin == "interpreter"
            },
            interpreter.prefix(),
            own,
        ),
        groups=_groups(resolve, graph.nodes),
        others=collection.others(),
        faults=dict(sorted(analysis.graph.faults.items())),
        unresolved={
            name: list(node.code.scan.unresolved)
            for name, node in graph.nodes.items()
            if isinstance(node.code, compiled.Module) and node.code.scan.unresolved
        },
        decompressor=decompressor,
        import_hooks=[
            name
            for name, node in graph.nodes.items()
            if isinstance(node.code, compiled.Module) and node.code.scan.hooks
        ],
    )
    index.write(made, request.output)
    size = sum(item.size for item in collection.files.values())
    step(f"layer: {len(names)} modules, {len(collection.files)} files ({size / 1e6:.1f} MB)")


def _refuse_unresolved(output: str, files: Mapping[str, index.File]) -> None:
    """Raise DriverError for libraries that the bundle would look for in vain: no run here would show it."""
    found = {}
    for dest, item in files.items():
        parts = dest.split("/")
        if item.kind == "symlink":
            parts = [*parts[:-1], *item.target.split("/")]
        path = os.path.join(output, contract.LAYER_FILES, *parts)
        if item.kind in ("binary", "symlink"):
            with open(path, "rb") as file:
                found[dest] = file.read()
    natives_alone = {dest: content for dest, content in found.items() if image.is_macho(content)}
    lacking = [f"{dest} loads {name}" for dest, name in bundled.unresolved(natives_alone)]
    if lacking:
        raise DriverError(
            f"no wheel of the lock and nothing of the interpreter brings these libraries:\n{listing(lacking)}"
        )


def _write_reference(request: contract.LayerRequest) -> None:
    """Write LAYER_REFERENCE: in what the sources differ from those that hooks imported."""
    assert request.reference is not None
    equal, differing = foreign.differences(request.site, request.reference)
    found = {"equal": equal, "differing": differing}
    outputs.write_json(request.output, contract.LAYER_REFERENCE, found)
    step(f"{equal} sources equal those of the reference, {len(differing)} do not")


def _bootstrap(writer: CodeWriter, collection: Collection) -> list[index.Script]:
    """The bootloader's own modules, in PyInstaller's order."""
    from PyInstaller.depend.analysis import get_bootstrap_modules

    found: list[index.Script] = []
    for name, path, kind in get_bootstrap_modules():
        if kind in ("PYMODULE", "PYSOURCE"):
            found.append(writer.script(name, "m" if kind == "PYMODULE" else "s", path, []))
        else:
            own = foreign.extension_of(path)
            if own != path:
                name = os.path.join(os.path.dirname(name), os.path.basename(own))
            collection.add(name, own, "binary")
    return found


def _write_floors(
    output: str, files: Mapping[str, index.File], decompressor: index.Decompressor | None
) -> None:
    folder = os.path.join(output, contract.LAYER_FILES)
    places = {
        dest: os.path.join(folder, *dest.split("/"))
        for dest, item in files.items()
        if item.kind != "symlink"
    }
    if decompressor is not None:
        places[decompressor.file] = os.path.join(output, *decompressor.file.split("/"))
    floors.write(output, places, pyinstaller.bootloader(output, sys.platform == "win32"))


def _dists(
    resolve: Resolve, files: Mapping[str, index.File], nodes: Sequence[index.Node]
) -> list[index.Dist]:
    owned: dict[int, list[int]] = {}
    for position, node in enumerate(nodes):
        if node.owner >= 0 and node.kind in index.PRESENT_KINDS:
            owned.setdefault(node.owner, []).append(position)
    data: dict[int, list[str]] = {}
    for dest, item in files.items():
        if item.owner >= 0 and item.module >= 0 and item.kind == "data":
            data.setdefault(item.owner, []).append(dest)
    return [
        index.Dist(
            name=item.name,
            version=item.version,
            key=item.key,
            licence=item.licence,
            metadata=list(item.metadata_files),
            data=sorted(data.get(number, [])),
            modules=owned.get(number, []),
            requires=list(item.requires),
            entry_points={group: dict(points) for group, points in item.entry_points.items()},
        )
        for number, item in enumerate(resolve.dists)
    ]


def _groups(resolve: Resolve, nodes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Modules of the resolve and the groups of entry points that they name (see ``entry_points``)."""
    known = {group for item in resolve.dists for group in item.entry_points}
    find = entry_points.finder(known)
    sources: dict[str, tuple[bytes, int]] = {}
    for name, node in nodes.items():
        path = getattr(node, "filename", None) or ""
        if path.endswith(".py") and path.startswith(resolve.site + os.sep):
            with open(path, "rb") as file:
                sources[name] = file.read(), resolve.file_owner(path)
    speakers = {owner for text, owner in sources.values() if entry_points.speaks_of_plugins(text)}
    found = {name: find(text, owner in speakers) for name, (text, owner) in sources.items()}
    return {name: groups for name, groups in found.items() if groups}
