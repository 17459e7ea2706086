"""The application layer: first-party modules compiled, and what the binary needs of the dependency layer."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping

from . import contract, index, notes, outputs
from .analysis import (
    compiled,
    conflicts,
    entry_script,
    first_party,
    own_hooks,
    own_links,
    own_natives,
    pyinstaller,
    selection,
)
from .analysis.distributions import normalize
from .errors import DriverError
from .outputs import App, OwnModule, Wanted
from .progress import step
from .proof import targets, view


def run(request: contract.AppRequest) -> None:
    """Write APP_SELECTION, APP_MODULES, APP_FILES/ and NOTES, for a proof also APP_IMPORTS and APP_VIEW/.

    :raises DriverError: a source that does not compile, an unknown entry point, hidden import or distribution.
    """
    layer = index.read(request.layer)
    roots = request.source_roots
    sources, data = first_party.read_sources(roots, request.optimize)
    sources = {
        name: item
        for name, item in sources.items()
        if not selection.is_under(name, request.excludes)
    }
    entry = entry_script.find(request.entry_point, sources, roots, request.optimize)
    shadowed = _shadowed(sources, layer)
    hooks, sources = own_hooks.run(
        request.hooks,
        sources,
        roots,
        request.tool,
        request.site,
        _start(entry, request.hidden_imports),
        request.reference,
    )
    unfollowed = {module: sorted(names) for module, names in hooks.excluded.items() if names}
    imports = _Imports(sources, layer, shadowed)
    if entry.source is not None:
        imports.add_script(entry.source, "entry")
    folders = _folders(data, hooks.data, request.data or {})
    imports.add_hidden(request.hidden_imports, hooks.hidden, folders)
    app = App(entry.entry, unfollowed=unfollowed, address=request.address)
    _write_code(request, app, sources, hooks, entry.code, imports)
    shared = _write_files(request, app, layer, sources, hooks, data)
    own = [*sources.values(), *([entry.source] if entry.source else [])]
    for number in first_party.named_distributions(own, layer):
        shared.update(layer.dists[number].metadata)
    app.wanted = Wanted(
        modules=frozenset(imports.wanted),
        files=frozenset(shared),
        collect=selection.check_collect(layer, request.collect)
        | ({normalize(name) for name in request.requirements} & {dist.key for dist in layer.dists}),
        excludes=tuple(sorted(request.excludes)),
        shadowed=frozenset(shadowed),
    )
    dynamic = outputs.read_trace(request.trace)["dynamic"]
    app.selection = chosen = selection.select(layer, app.wanted, dynamic)
    conflicts.refuse_contested(layer, chosen)
    selection.refuse_faults(layer, chosen)
    outputs.write(request.output, contract.APP_SELECTION, app)
    notes.write(request.output, imports.notes())
    if request.proof:
        found = targets.imported(first_party.without(sources, unfollowed), layer, app, request.site)
        outputs.write(request.output, contract.APP_IMPORTS, found)
        if view.allows(app, found.installs_hook):
            place = os.path.join(request.output, contract.APP_VIEW)
            view.write(request.output, roots, request.optimize, place)
    size = sum(layer.files[dest].size for dest in chosen.files)
    step(
        f"app: {len(app.modules)} first-party modules, {len(chosen.modules)} of {len(layer.names)} modules and "
        f"{len(chosen.files)} files ({size / 1e6:.1f} MB) of the layer, {len(chosen.dists)} distributions"
    )


def _folders(*files: Iterable[str]) -> set[str]:
    """Folders that hold files, as dotted names of namespace packages."""
    found: set[str] = set()
    for dest in (dest for several in files for dest in several):
        parts = dest.split("/")[:-1]
        found.update(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return found


def _start(entry: entry_script.Found, hidden: Iterable[str]) -> list[str]:
    """Names that the program begins with."""
    found = [entry.entry.module or entry.entry.called, *hidden]
    if entry.source is not None:
        for base, attributes in first_party.absolute_imports(entry.source):
            found += [base, *(f"{base}.{attribute}" for attribute in attributes)]
    return found


class _Imports:
    """Modules of the layer that the application imports, and imports that nothing provides."""

    def __init__(
        self,
        sources: Mapping[str, first_party.Source],
        layer: index.Index,
        shadowed: set[str],
    ) -> None:
        self.sources, self.layer, self.shadowed = sources, layer, shadowed
        self.wanted, self.missing = first_party.resolve_imports(sources, layer, self.shadowed)

    def add_script(self, script: first_party.Source, label: str) -> None:
        """Add the imports of a script."""
        found, absent = first_party.imports_of(script, self.sources, self.layer, self.shadowed)
        self.wanted |= found
        self.missing += [first_party.Missing(name, label, "top-level") for name in sorted(absent)]

    def add_hidden(
        self, asked: Iterable[str], hooked: Mapping[str, str], folders: Collection[str]
    ) -> None:
        """Add hidden imports: the target's own, which must exist, and those of hooks (module -> hook).

        :param folders: folders of data files as dotted names: each can be imported, as a namespace package.
        """
        for name in asked:
            if self.layer.is_present(name):
                self.wanted |= {name} - self.sources.keys()
            elif name not in self.sources and name not in folders:
                nodes = zip(self.layer.names, self.layer.nodes)
                known = [item for item, node in nodes if node.kind in index.PRESENT_KINDS]
                raise DriverError(
                    f"hidden_imports: nothing provides the module {name!r}{selection.close_matches(name, known)}\n"
                    "It is neither in the sources nor in a distribution of the resolve nor in the standard library."
                )
        for name, hook in hooked.items():
            if self.layer.is_present(name):
                self.wanted.add(name)
            elif name not in self.sources and name not in folders:
                self.missing.append(first_party.Missing(name, hook, "hidden import"))

    def notes(self) -> list[dict[str, str]]:
        """Notes on what is missing and imported without a condition."""
        return [
            notes.note(
                "missing-import",
                f"{item.importer} imports {item.name}, which neither the resolve nor the sources hold ({item.how})",
                module=item.importer,
            )
            for item in sorted(self.missing, key=lambda item: (item.name, item.importer))
            if item.how in ("top-level", "hidden import")
        ]


def _write_code(
    request: contract.AppRequest,
    app: App,
    sources: Mapping[str, first_party.Source],
    hooks: own_hooks.HookResults,
    entry: bytes,
    imports: _Imports,
) -> None:
    """Write APP_MODULES: first-party modules, the user's runtime hooks, the entry script."""
    os.makedirs(request.output, exist_ok=True)
    with open(os.path.join(request.output, contract.APP_MODULES), "wb") as blob:
        for item in sorted(sources.values(), key=lambda source: source.name):
            pyz, _, _ = hooks.mode(item.name)
            app.modules.append(
                OwnModule(item.name, item.kind, item.dest, blob.tell(), len(item.blob), pyz)
            )
            blob.write(item.blob)
        for position, path in enumerate(request.runtime_hooks):
            name = f"user_{position}_{os.path.splitext(os.path.basename(path))[0]}"
            with open(path, "rb") as file:
                code, source = first_party.compile_script(file.read(), name + ".py", path)
            imports.add_script(source, path)
            app.hooks.append(name)
            app.scripts[name] = [blob.tell(), len(code)]
            blob.write(code)
        app.scripts["entry"] = [blob.tell(), len(entry)]
        blob.write(entry)


def _write_files(
    request: contract.AppRequest,
    app: App,
    layer: index.Index,
    sources: Mapping[str, first_party.Source],
    hooks: own_hooks.HookResults,
    data: dict[str, str],
) -> set[str]:
    """Write APP_FILES; returns the layer's files that the application needs.

    :param data: data files among the sources: destination -> path.
    """
    shared: set[str] = set()
    for item in sorted(sources.values(), key=lambda source: source.name):
        _, source, bytecode = hooks.mode(item.name)
        if item.path and (source or item.kind == "extension"):
            data[item.dest] = item.path
        if item.blob and bytecode:
            _write(request.output, item.dest + "c", compiled.pyc(zlib.decompress(item.blob)))
            app.files[item.dest + "c"] = False
    for dest, path in hooks.data.items():
        if _is_of_layer(dest, path, layer, request.site):
            shared.add(dest)
        else:
            data[dest] = path
    data.update(request.data or {})
    binaries = own_natives.find(sources, data, request.source_roots, request.tool, request.site)
    binaries.update(hooks.binaries)
    natives, needed = own_hooks.with_libraries(binaries, layer, _everywhere(request))
    data.update({dest: path for dest, path in natives.items() if dest not in data})
    app.links = own_links.find(data)
    for dest, path in data.items():
        if dest not in app.links:
            app.files[dest] = _copy(path, request.output, dest)
    app.files = dict(sorted(app.files.items()))
    return shared | needed


def _everywhere(request: contract.AppRequest) -> list[str]:
    """Names of libraries that are wherever the bootloader starts: see ``Collection.add_libraries``."""
    if sys.platform != "linux" or not own_hooks.is_loaded():
        return []
    from PyInstaller.depend import bindepend

    loader = pyinstaller.bootloader(request.layer, windows=False)
    return [library for library, _ in bindepend.get_imports(loader)]


def _is_of_layer(dest: str, path: str, layer: index.Index, site: str) -> bool:
    """Whether a hook names a file of the resolve that the layer has under the same name."""
    return dest in layer.files and os.path.realpath(path) == os.path.realpath(
        os.path.join(site, *dest.split("/"))
    )


def _shadowed(sources: Mapping[str, first_party.Source], layer: index.Index) -> set[str]:
    """Top-level names that first-party regular modules take from the layer (they stand earlier on sys.path)."""
    found: set[str] = set()
    for name, item in sources.items():
        if "." not in name and item.kind != "namespace" and layer.is_present(name):
            found.add(name)
    return found


def _write(output: str, dest: str, content: bytes) -> None:
    target = os.path.join(output, contract.APP_FILES, *dest.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as out:
        out.write(content)
    os.chmod(target, 0o644)


def _copy(path: str, output: str, dest: str) -> bool:
    """Copy a file; returns whether it is executable."""
    target = os.path.join(output, contract.APP_FILES, *dest.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(path, target)
    executable = bool(os.stat(path).st_mode & stat.S_IXUSR)
    os.chmod(target, 0o755 if executable else 0o644)
    return executable
