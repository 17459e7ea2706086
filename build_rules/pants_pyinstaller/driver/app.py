"""The application layer: first-party modules compiled, and what the binary needs of the dependency layer."""

from __future__ import annotations

import json
import marshal
import os
import re
import shutil
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import compiled, contract, entries, firstparty, index, scan, selection
from .distributions import normalize
from .errors import DriverError, listing
from .progress import step


@dataclass
class OwnModule:
    """A first-party module in APP_MODULES (see ``firstparty.Source``)."""

    name: str
    kind: str
    dest: str
    offset: int = 0
    length: int = 0


@dataclass
class App:
    """APP_SELECTION: what ``app`` says to ``check`` and ``assemble``.

    :param wanted: fields of ``selection.Wanted``.
    :param hooks: runtime hooks of the user, in order: names of entries in ``scripts``.
    :param scripts: name -> [offset, length] of marshalled code in APP_MODULES; the entry script is called ``entry``.
    :param files: destination -> whether it is executable; contents below APP_FILES.
    """

    schema: int
    entry: entries.Entry
    wanted: dict[str, list[str]]
    modules: list[OwnModule]
    scripts: dict[str, list[int]]
    hooks: list[str]
    files: dict[str, bool]
    missing: list[list[str]]
    selected: dict[str, Any] = field(default_factory=dict)

    @property
    def request(self) -> selection.Wanted:
        """The selection's input."""
        return selection.Wanted(
            modules=frozenset(self.wanted["modules"]),
            files=frozenset(self.wanted["files"]),
            collect=frozenset(self.wanted["collect"]),
            excludes=tuple(self.wanted["excludes"]),
            shadowed=frozenset(self.wanted["shadowed"]),
        )


def read(directory: str) -> App:
    """APP_SELECTION of ``directory``."""
    with open(os.path.join(directory, contract.APP_SELECTION), encoding="utf-8") as file:
        plain = json.load(file)
    plain["entry"] = entries.Entry(**plain["entry"])
    plain["modules"] = [OwnModule(**row) for row in plain["modules"]]
    return App(**plain)


def read_dynamic(trace: str | None) -> dict[str, list[str]]:
    """Dynamic imports that the trace saw: module -> modules; empty without a trace."""
    if trace is None:
        return {}
    with open(os.path.join(trace, contract.TRACE_RESULT), encoding="utf-8") as file:
        found: dict[str, list[str]] = json.load(file)["dynamic"]
    return found


def run(request: contract.AppRequest) -> None:
    """Write APP_SELECTION, APP_MODULES, APP_FILES/ and APP_WARNINGS.

    :raises DriverError: a source that does not compile, an unknown entry point, hidden import or distribution.
    """
    layer = index.read(request.layer)
    sources, data = firstparty.read_sources(request.source_roots, request.optimize)
    excludes = request.excludes
    sources = {
        name: item for name, item in sources.items() if not selection.is_under(name, excludes)
    }
    shadowed = _shadowed(sources, layer)
    found = entries.find(request.entry_point, sources, request.source_roots, request.optimize)
    wanted, missing = firstparty.resolve_imports(sources, layer, shadowed)
    if found.source is not None:
        imported, absent = firstparty.imports_of(found.source, sources, layer, shadowed)
        wanted |= imported
        missing += [firstparty.Missing(name, "entry", "top-level") for name in sorted(absent)]
    hidden = _hidden(request.hidden_imports, sources, layer)
    os.makedirs(request.output, exist_ok=True)
    modules: list[OwnModule] = []
    scripts: dict[str, list[int]] = {}
    files: dict[str, bool] = {}
    with open(os.path.join(request.output, contract.APP_MODULES), "wb") as blob:
        for item in sorted(sources.values(), key=lambda source: source.name):
            if item.kind == "extension":
                data[item.dest] = item.path
            modules.append(OwnModule(item.name, item.kind, item.dest, blob.tell(), len(item.blob)))
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
    data.update(request.data or {})
    for dest, path in data.items():
        files[dest] = _copy(
            path, os.path.join(request.output, contract.APP_FILES, *dest.split("/"))
        )
    own_hooks = _own_hooks(request.hooks, sources)
    hidden |= own_hooks.hidden & set(layer.names)
    asked = selection.Wanted(
        modules=frozenset(wanted | hidden),
        collect=selection.check_collect(layer, request.collect),
        excludes=excludes,
        shadowed=frozenset(shadowed),
    )
    chosen = selection.select(layer, asked, read_dynamic(request.trace))
    _refuse_contested(layer, chosen)
    app = App(
        schema=contract.SCHEMA,
        entry=found.entry,
        wanted={
            "modules": sorted(asked.modules),
            "files": [],
            "collect": sorted(asked.collect),
            "excludes": sorted(asked.excludes),
            "shadowed": sorted(asked.shadowed),
        },
        modules=modules,
        scripts=scripts,
        hooks=[hook for hook in scripts if hook != "entry"],
        files=dict(sorted(files.items())),
        missing=sorted([item.name, item.importer, item.how] for item in missing),
    )
    with open(
        os.path.join(request.output, contract.APP_SELECTION), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(asdict(app), out, sort_keys=True, indent=1)
    _write_warnings(request, layer, chosen, app)
    size = sum(layer.files[dest].size for dest in chosen.files)
    step(
        f"app: {len(modules)} first-party modules, {len(chosen.modules)} of {len(layer.names)} modules and "
        f"{len(chosen.files)} files ({size / 1e6:.1f} MB) of the layer, {len(chosen.dists)} distributions"
    )
    for module, importer, how in app.missing:
        if how == "top-level":
            step(
                f"warning: {importer} imports {module}, which neither the resolve nor the sources hold ({how})"
            )


def _shadowed(sources: Mapping[str, firstparty.Source], layer: index.Index) -> set[str]:
    """Top-level names that first-party regular modules take from the layer (they stand earlier on sys.path)."""
    found = set()
    for name, item in sources.items():
        if "." not in name and item.kind != "namespace" and layer.is_present(name):
            found.add(name)
    return found


def _script_imports(
    text: str,
    sources: Mapping[str, firstparty.Source],
    layer: index.Index,
    shadowed: set[str],
    label: str,
) -> tuple[set[str], list[firstparty.Missing]]:
    try:
        code = compile(text, label, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise DriverError(f"{label}:{error.lineno}: {error.msg}") from None
    script = firstparty.Source("__main__", "module", "", "", b"", scan.scan(code, text.encode()))
    found, absent = firstparty.imports_of(script, sources, layer, shadowed)
    return found, [firstparty.Missing(name, label, "top-level") for name in sorted(absent)]


def _hidden(
    names: tuple[str, ...], sources: Mapping[str, firstparty.Source], layer: index.Index
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
        code = compiled.compile_alike(text, name + ".py")
    except SyntaxError as error:
        raise DriverError(f"{label}:{error.lineno}: {error.msg}") from None
    data = marshal.dumps(code)
    offset = blob.tell()
    blob.write(data)
    return [offset, len(data)]


def _copy(path: str, target: str) -> bool:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(path, target)
    executable = bool(os.stat(path).st_mode & stat.S_IXUSR)
    os.chmod(target, 0o755 if executable else 0o644)
    return executable


@dataclass
class _OwnHooks:
    hidden: set[str]


def _own_hooks(directories: tuple[str, ...], sources: Mapping[str, firstparty.Source]) -> _OwnHooks:
    """Hidden imports of the user's hooks that are named after first-party modules.

    The layer has run all other hooks. Such a hook is executed as plain Python: only ``hiddenimports`` counts.
    """
    found: set[str] = set()
    for directory in directories:
        for file in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            if file.startswith("hook-") and file.endswith(".py") and file[5:-3] in sources:
                path = os.path.join(directory, file)
                namespace: dict[str, Any] = {"__file__": path, "__name__": file[:-3]}
                try:
                    with open(path, encoding="utf-8") as text:
                        exec(compile(text.read(), path, "exec"), namespace)
                except Exception as error:
                    raise DriverError(
                        f"hook {path} failed: {type(error).__name__}: {error}"
                    ) from None
                found.update(namespace.get("hiddenimports", ()))
    return _OwnHooks(found)


def _refuse_contested(layer: index.Index, chosen: selection.Selection) -> None:
    files = {layer.nodes[layer.number[name]].source: name for name in chosen.modules}
    bad = [(path, owners) for path, owners in layer.contested.items() if path in files]
    if not bad:
        return
    lines = []
    for path, owners in bad:
        described = []
        for owner in owners:
            dist = next(dist for dist in layer.dists if dist.name == owner)
            users = sorted(
                other.name
                for other in layer.dists
                if any(_requires(line, dist.key) for line in other.requires)
            )
            described.append(
                f"{dist.name} {dist.version} (required by {', '.join(users) or 'the resolve itself'})"
            )
        lines.append(f"{path}: " + " and ".join(described))
    raise DriverError(
        "two distributions of the resolve install different contents under one name, and which one an environment has "
        f"depends on the order of installation:\n{listing(lines)}\n"
        "Remove one of the distributions from the resolve, or list the module in `excludes` "
        "if the program does not use it."
    )


def _requires(line: str, key: str) -> bool:
    match = re.match(r"[\w.-]+", line)
    return match is not None and normalize(match.group()) == key


def _write_warnings(
    request: contract.AppRequest, layer: index.Index, chosen: selection.Selection, app: App
) -> None:
    """Absent modules that the application or a selected module imports: not necessarily needed."""
    selected = set(chosen.modules)
    lines = [
        f"missing module named {name} - imported by {importer} ({how})"
        for name, importer, how in app.missing
    ]
    for name, importers in sorted(layer.missing.items()):
        shown = [f"{importer} ({how})" for importer, how in importers if importer in selected]
        if shown:
            lines.append(f"missing module named {name} - imported by {', '.join(shown)}")
    with open(
        os.path.join(request.output, contract.APP_WARNINGS), "w", encoding="utf-8", newline="\n"
    ) as out:
        out.write(
            "Modules that could not be found. Many are optional imports of libraries, or belong to other platforms.\n\n"
        )
        out.writelines(line + "\n" for line in lines)
