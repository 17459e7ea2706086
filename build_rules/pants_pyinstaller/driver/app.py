"""The application layer: first-party modules compiled, and what the binary needs of the dependency layer."""

from __future__ import annotations

import marshal
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Mapping
from typing import Any

from . import contract, index, notes, outputs
from .analysis import (
    compiled,
    conflicts,
    entry_script,
    first_party,
    own_hooks,
    own_natives,
    scan,
    selection,
)
from .analysis.distributions import normalize
from .errors import DriverError
from .outputs import App, OwnModule, Wanted
from .progress import step


def run(request: contract.AppRequest) -> None:
    """Write APP_SELECTION, APP_MODULES, APP_FILES/ and NOTES.

    :raises DriverError: a source that does not compile, an unknown entry point, hidden import or distribution.
    """
    layer = index.read(request.layer)
    sources, data = first_party.read_sources(request.source_roots, request.optimize)
    excludes = request.excludes
    sources = {
        name: item for name, item in sources.items() if not selection.is_under(name, excludes)
    }
    shadowed = _shadowed(sources, layer)
    found = entry_script.find(request.entry_point, sources, request.source_roots, request.optimize)
    start = [found.entry.module or found.entry.called, *request.hidden_imports]
    if found.source is not None:
        start += [
            f"{base}.{attribute}"
            for base, attributes in first_party.absolute_imports(found.source)
            for attribute in (*attributes, "")
        ]
    said, sources = own_hooks.run(
        request.hooks, sources, request.source_roots, request.tool, request.site, start
    )
    unfollowed = {module: sorted(names) for module, names in said.excluded.items() if names}
    wanted, missing = first_party.resolve_imports(sources, layer, shadowed)
    if found.source is not None:
        imported, absent = first_party.imports_of(found.source, sources, layer, shadowed)
        wanted |= imported
        missing += [first_party.Missing(name, "entry", "top-level") for name in sorted(absent)]
    hidden = _hidden(request.hidden_imports, sources, layer)
    hidden |= {module for module in said.hidden if layer.is_present(module)}
    missing += [
        first_party.Missing(module, hook, "hidden import")
        for module, hook in said.hidden.items()
        if module not in sources and not layer.is_present(module)
    ]
    os.makedirs(request.output, exist_ok=True)
    modules: list[OwnModule] = []
    scripts: dict[str, list[int]] = {}
    files: dict[str, bool] = {}
    shared: set[str] = set()
    with open(os.path.join(request.output, contract.APP_MODULES), "wb") as blob:
        for item in sorted(sources.values(), key=lambda source: source.name):
            pyz, source, bytecode = said.mode(item.name)
            if item.kind == "extension":
                data[item.dest] = item.path
            elif item.path:
                if source:
                    data[item.dest] = item.path
                if bytecode:
                    files[item.dest + "c"] = _write(
                        request.output, item.dest + "c", compiled.pyc(zlib.decompress(item.blob))
                    )
            modules.append(
                OwnModule(item.name, item.kind, item.dest, blob.tell(), len(item.blob), pyz)
            )
            blob.write(item.blob)
        for position, path in enumerate(request.runtime_hooks):
            hook = f"user_{position}_{os.path.splitext(os.path.basename(path))[0]}"
            with open(path, encoding="utf-8") as file:
                hook_text = file.read()
            imported, unknown = _script_imports(hook_text, sources, layer, shadowed, path)
            wanted |= imported
            missing += unknown
            scripts[hook] = _write_script(blob, hook_text, path, hook)
        scripts["entry"] = [blob.tell(), len(found.code)]
        blob.write(found.code)
    for dest, path in said.data.items():
        if _is_of_layer(dest, path, layer, request.site):
            shared.add(dest)
        else:
            data[dest] = path
    data.update(request.data or {})
    binaries = own_natives.find(sources, data, request.source_roots, request.tool, request.site)
    binaries.update(said.binaries)
    natives, needed = own_hooks.with_libraries(binaries, layer, _everywhere(request))
    shared |= needed
    for number in first_party.named_distributions(
        [*sources.values(), *([found.source] if found.source else [])], layer
    ):
        shared.update(layer.dists[number].metadata)
    data.update({dest: path for dest, path in natives.items() if dest not in data})
    for dest, path in data.items():
        files[dest] = _copy(
            path, os.path.join(request.output, contract.APP_FILES, *dest.split("/"))
        )
    asked = Wanted(
        modules=frozenset(wanted | hidden),
        files=frozenset(shared),
        collect=selection.check_collect(layer, request.collect)
        | ({normalize(name) for name in request.requirements} & {dist.key for dist in layer.dists}),
        excludes=tuple(sorted(excludes)),
        shadowed=frozenset(shadowed),
    )
    chosen = selection.select(layer, asked, outputs.read_trace(request.trace)["dynamic"])
    conflicts.refuse_contested(layer, chosen)
    selection.refuse_faults(layer, chosen)
    app = App(
        entry=found.entry,
        wanted=asked,
        selection=chosen,
        modules=modules,
        scripts=scripts,
        hooks=[hook for hook in scripts if hook != "entry"],
        files=dict(sorted(files.items())),
        unfollowed=unfollowed,
        address=request.address,
    )
    outputs.write(request.output, contract.APP_SELECTION, app)
    notes.write(
        request.output,
        [
            notes.note(
                "missing-import",
                f"{item.importer} imports {item.name}, which neither the resolve nor the sources hold ({item.how})",
                module=item.importer,
            )
            for item in sorted(missing, key=lambda item: (item.name, item.importer))
            if item.how in ("top-level", "hidden import")
        ],
    )
    size = sum(layer.files[dest].size for dest in chosen.files)
    step(
        f"app: {len(modules)} first-party modules, {len(chosen.modules)} of {len(layer.names)} modules and "
        f"{len(chosen.files)} files ({size / 1e6:.1f} MB) of the layer, {len(chosen.dists)} distributions"
    )


def _everywhere(request: contract.AppRequest) -> list[str]:
    """Names of libraries that are wherever the bootloader starts: see ``layer``."""
    if sys.platform != "linux" or not own_hooks.is_loaded():
        return []
    from PyInstaller.depend import bindepend

    root = os.path.join(request.layer, "bootloader")
    return [
        library
        for folder in sorted(os.listdir(root))
        if os.path.isfile(os.path.join(root, folder, "run"))
        for library, _ in bindepend.get_imports(os.path.join(root, folder, "run"))
    ]


def _is_of_layer(dest: str, path: str, layer: index.Index, site: str) -> bool:
    """Whether a hook names a file of the resolve that the layer has under the same name."""
    return dest in layer.files and os.path.realpath(path) == os.path.realpath(
        os.path.join(site, *dest.split("/"))
    )


def _shadowed(sources: Mapping[str, first_party.Source], layer: index.Index) -> set[str]:
    """Top-level names that first-party regular modules take from the layer (they stand earlier on sys.path)."""
    found = set()
    for name, item in sources.items():
        if "." not in name and item.kind != "namespace" and layer.is_present(name):
            found.add(name)
    return found


def _script_imports(
    text: str,
    sources: Mapping[str, first_party.Source],
    layer: index.Index,
    shadowed: set[str],
    label: str,
) -> tuple[set[str], list[first_party.Missing]]:
    try:
        code = compile(text, label, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise DriverError(f"{label}:{error.lineno}: {error.msg}") from None
    script = first_party.Source("__main__", "module", "", "", b"", scan.scan(code, text.encode()))
    found, absent = first_party.imports_of(script, sources, layer, shadowed)
    return found, [first_party.Missing(name, label, "top-level") for name in sorted(absent)]


def _hidden(
    names: tuple[str, ...], sources: Mapping[str, first_party.Source], layer: index.Index
) -> set[str]:
    for name in names:
        if name not in sources and not layer.is_present(name):
            known = [
                item
                for item, node in zip(layer.names, layer.nodes)
                if node.kind in index.PRESENT_KINDS
            ]
            raise DriverError(
                f"hidden_imports: nothing provides the module {name!r}{selection.close_matches(name, known)}\n"
                "It is neither in the sources nor in a distribution of the resolve nor in the standard library."
            )
    return {name for name in names if name not in sources}


def _write_script(blob: Any, text: str, label: str, name: str) -> list[int]:
    try:
        code = compiled.compile_reproducibly(text, name + ".py")
    except SyntaxError as error:
        raise DriverError(f"{label}:{error.lineno}: {error.msg}") from None
    data = marshal.dumps(code)
    offset = blob.tell()
    blob.write(data)
    return [offset, len(data)]


def _write(output: str, dest: str, content: bytes) -> bool:
    target = os.path.join(output, contract.APP_FILES, *dest.split("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as out:
        out.write(content)
    os.chmod(target, 0o644)
    return False


def _copy(path: str, target: str) -> bool:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(path, target)
    executable = bool(os.stat(path).st_mode & stat.S_IXUSR)
    os.chmod(target, 0o755 if executable else 0o644)
    return executable
