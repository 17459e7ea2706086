"""The edges of the lock: what the interpreter, its modules and its distributions bring, whatever is selected."""

from __future__ import annotations

import marshal
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from types import CodeType

from pants_pyinstaller.driver import index
from pants_pyinstaller.driver.analysis import selection
from pants_pyinstaller.driver.analysis.distributions import normalize
from pants_pyinstaller.driver.bundle.archive import PYZ_KINDS
from pants_pyinstaller.explain.record import statements
from pants_pyinstaller.explain.record.builder import Builder


def add(made: Builder) -> None:
    """Add every edge between things of the lock."""
    _start(made)
    _layer_edges(made)
    _rules(made)


def _start(made: Builder) -> None:
    interpreter, loader = made.root("interpreter"), made.root("bootloader")
    for number in made.layer.base:
        name = made.layer.names[number]
        if name in made.module:
            made.edge(interpreter, made.module[name], "start")
    for dest in ("base_library.zip", made.layer.python_library):
        if dest in made.file:
            made.edge(interpreter, made.file[dest], "start")
    for name in selection.ALWAYS:
        made.name(loader, name, "start", own=False)


def _layer_edges(made: Builder) -> None:
    layer = made.layer
    library = os.path.dirname(os.__file__)
    for name, node in zip(layer.names, layer.nodes):
        source = made.module.get(name)
        if source is None:
            continue
        targets = [layer.names[edge] for edge in node.edges]
        targets = [target for target in targets if target in made.module]
        found: Mapping[str, statements.Place] = {}
        if name in made.selected:
            root = made.request.site if node.owner >= 0 else library
            text = _text(made, name, node, root)
            found = statements.places(text, targets, made.hooks)
            _note_dropped(made, text, node, targets)
        for target in targets:
            place = found.get(target, statements.Place("import"))
            kind = "alias" if node.kind == "alias" else place.kind
            detail = place.detail or (node.source if place.line else "")
            made.edge(source, made.module[target], kind, detail, place.line)


def _text(made: Builder, name: str, node: index.Node, root: str) -> statements.Text:
    code = None
    if node.length and node.kind in PYZ_KINDS:
        blob = made.layers.code[node.offset : node.offset + node.length]
        found = marshal.loads(zlib.decompress(blob))
        code = found if isinstance(found, CodeType) else None
    path = os.path.join(root, *node.source.split("/")) if node.source else ""
    source = b""
    if path.endswith(".py") and os.path.isfile(path):
        with open(path, "rb") as file:
            source = file.read()
    is_package = node.kind == "package" or node.source.rpartition("/")[2] == "__init__.py"
    return statements.Text(name, is_package, code, source)


def _note_dropped(
    made: Builder, text: statements.Text, node: index.Node, targets: Iterable[str]
) -> None:
    """Imports of modules that are there but that the analysis does not follow: a hook says so."""
    hooks = (name for name in selection.lineage(text.name) if made.hooks.drops_imports(name))
    hook = made.hooks.of(next(hooks, ""))
    if not hook or node.owner < 0:
        return
    known = {*targets, *selection.lineage(text.name)}
    for name, line in text.imports.items():
        if name in made.module and name not in known and name not in made.selected:
            made.dropped.append([text.name, name, line, hook])


def _rules(made: Builder) -> None:
    """What modules and distributions bring besides what they import."""
    layer = made.layer
    number_of = {item.key: position for position, item in enumerate(layer.dists)}
    for name, node in zip(layer.names, layer.nodes):
        source = made.module.get(name)
        if source is None:
            continue
        for dest in node.files:
            if dest in made.file:
                kind = "metadata" if ".dist-info/" in dest else "file"
                hook = made.hooks.of(name) if node.kind != "extension" else ""
                made.edge(source, made.file[dest], kind, hook)
        if node.owner >= 0:
            made.edge(source, made.dist[node.owner], "distribution")
        for target in made.dynamic.get(name, ()):
            made.name(source, target, "trace", own=False)
        for group in layer.groups.get(name, ()):
            for provider, modules in selection.plugins_of_group(layer, group):
                made.edge(source, made.dist[provider], "entry point", group)
                for module in modules:
                    made.name(source, module, "entry point", group, own=False)
        for hook in layer.rthooks.get(name, ()):
            made.edge(source, made.script[hook], "runtime hook")
    for name, script in layer.scripts.items():
        for edge in script.edges:
            position = made.module.get(layer.names[edge])
            if position is not None:
                made.edge(made.script[name], position, "import", f"{name}.py")
    for number, dist in enumerate(layer.dists):
        source = made.dist[number]
        for group, points in dist.entry_points.items():
            for module in selection.plugin_modules({group: points}):
                made.name(source, module, "entry point", group, own=False)
        for dest in dist.metadata:
            made.edge(source, made.file[dest], "metadata")
        for line in dist.requires:
            match = re.match(r"[\w.-]+", line)
            required = number_of.get(normalize(match.group())) if match else None
            if required is not None and not layer.dists[required].modules:
                for dest in layer.dists[required].metadata:
                    made.edge(source, made.file[dest], "metadata", f"requires {line}")
    for dest, item in layer.files.items():
        if item.kind in ("data", "binary") and item.module >= 0 and item.owner >= 0:
            own = layer.nodes[item.module].kind == "extension" and item.kind == "binary"
            package = made.module.get(layer.names[item.module])
            if not own and package is not None:
                made.edge(made.dist[item.owner], made.file[dest], "data", when=package)
        for need in item.needs:
            if need in made.file:
                made.edge(made.file[dest], made.file[need], "library")
