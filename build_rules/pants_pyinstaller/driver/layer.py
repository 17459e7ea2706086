"""The dependency layer: everything that any binary over a resolve may need, analysed and compiled once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import marshal
import os
import shutil
import site as site_module
import stat
import sys
import tempfile
import types
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import (
    bundle,
    compiled,
    conflicts,
    contract,
    distributions,
    entry_points,
    floors,
    index,
    interpreter,
    natives,
    preflight,
    pyinstaller,
    scan,
)
from .errors import DriverError
from .progress import step

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
_CODE_SUFFIXES = ("module", "package")


def run(request: contract.LayerRequest) -> None:
    """Write the layer of ``request``.

    :raises DriverError: broken tools, an unsupported PyInstaller, an unusable site directory.
    """
    if request.optimize not in (0, 1, 2):
        raise DriverError(f"optimize must be 0, 1 or 2, not {request.optimize}")
    preflight.check_tools(request.strip)
    os.makedirs(request.output, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        _Layer(request, work).build()


class _Layer:
    def __init__(self, request: contract.LayerRequest, work: str) -> None:
        self.request = request
        self.work = work
        self.site = os.path.realpath(request.site)
        self.version = pyinstaller.load(request.tool, request.site, work)
        self.library = interpreter.library_paths()
        self.dists = distributions.read_distributions(self.site)
        if not self.dists:
            raise DriverError(
                f"{request.site}: no distribution is installed there (the resolve is empty)"
            )
        self.files: dict[str, index.File] = {}
        self.sources: dict[str, str] = {}
        self.spellings: dict[str, str] = {}

    # --- the steps ----------------------------------------------------------------------------------------------

    def build(self) -> None:
        step(
            f"layer: {len(self.dists)} distributions, PyInstaller {self.version}, {interpreter.platform_name()}"
        )
        universe = distributions.universe(self.site, self.dists)
        library_modules = interpreter.library_modules(self.library)
        modules, fresh = self._compile(universe, library_modules)
        step(
            f"{len(modules)} modules compiled and scanned ({fresh} distributions anew, the rest from the cache)"
        )
        winners = self._winners(universe)
        graph = self._graph(modules, winners, universe, library_modules)
        step("module graph done")
        self._hooks(graph)
        scripts = self._runtime_hooks(graph)
        step("hooks done")
        self._write(graph, modules, universe, winners, scripts)

    def _compile(
        self, universe: Mapping[str, list[tuple[str, int]]], library_modules: Mapping[str, str]
    ) -> tuple[dict[str, compiled.Module], int]:
        """Absolute path -> compiled module."""
        units = []
        for distribution in self.dists:
            paths = tuple(
                path
                for path in distribution.files
                if path.endswith(".py") and distributions.module_of(path) is not None
            )
            if paths:
                units.append(compiled.Unit(distribution.key, self.site, paths))
        for root in dict.fromkeys(library_modules.values()):
            units.append(
                compiled.Unit(
                    "python",
                    root,
                    tuple(path for path, where in library_modules.items() if where == root),
                )
            )
        packs, fresh = compiled.build_packs(
            units, self.request.optimize, self.request.cache, min(2, os.cpu_count() or 1)
        )
        self.pack_keys = [pack.key for pack in packs]
        modules: dict[str, compiled.Module] = {}
        for unit, pack in zip(units, packs):
            for path, module in pack.modules.items():
                modules[os.path.join(unit.root, path.replace("/", os.sep))] = module
        return modules, fresh

    def _winners(self, universe: Mapping[str, list[tuple[str, int]]]) -> dict[str, str]:
        """Files of import names that two distributions own, where an ordinary import ends elsewhere than it began."""
        twice = conflicts.owned_twice(universe)
        found = conflicts.winners(self.site, sorted(twice), self.library)
        for name, path in found.items():
            owners = ", ".join(
                sorted(
                    f"{self.dists[o].name} {self.dists[o].version} ({p})" for p, o in twice[name]
                )
            )
            step(
                f"import name {name!r} is owned by {owners}: an import gives {os.path.relpath(path, self.site)}"
            )
        candidates = {
            os.path.join(self.site, path.replace("/", os.sep))
            for f in twice.values()
            for path, _ in f
        }
        return {name: path for name, path in found.items() if path in candidates}

    def _graph(
        self,
        modules: Mapping[str, compiled.Module],
        winners: Mapping[str, str],
        universe: Mapping[str, Any],
        library_modules: Mapping[str, str],
    ) -> Any:
        from PyInstaller.building.build_main import discover_hook_directories
        from PyInstaller.depend.analysis import HOOK_PRIORITY_USER_HOOKS

        from . import graph as graph_module

        graph_module.raise_recursion_limit()
        user = [(os.path.abspath(path), HOOK_PRIORITY_USER_HOOKS) for path in self.request.hooks]
        stand_ins = os.path.join(os.path.realpath(self.request.tool), "PyInstaller", "fake-modules")
        path = [*self.library, self.site, *pyinstaller.path_files(self.site), stand_ins]
        site_module.getsitepackages = lambda prefixes=None: [
            self.site
        ]  # where libraries keep their directories
        graph = graph_module.LayerGraph(
            modules, winners, [*user, *discover_hook_directories()], path
        )
        empty = os.path.join(self.work, "hook-nothing.py")
        open(empty, "w").close()
        graph_module.tolerate_failing_hooks(graph.faults, empty)
        graph.scan_legacy_namespace_packages()
        entry = os.path.join(self.work, "entry.py")
        with open(entry, "w", encoding="utf-8") as file:
            file.write("")
        graph.add_script(entry)
        library = [distributions.module_of(path) for path in library_modules]
        for name in sorted(
            filter(None, [*universe, *library, *sys.builtin_module_names, "pyi_splash"])
        ):
            with contextlib.suppress(ImportError):
                graph.import_hook(name, None)
        names = set(universe) | {name for name in library if name}
        children: dict[str, list[str]] = {}
        for name in sorted(names):
            children.setdefault(name.rpartition(".")[0], []).append(name)
        graph.add_literal_imports(names.__contains__, children, self._may_name(universe))
        self._fallbacks(graph, universe, library_modules)
        return graph

    def _may_name(
        self, universe: Mapping[str, list[tuple[str, int]]]
    ) -> Callable[[str, str], bool]:
        """Whether a constant of a file can mean a module: of the same distribution, or of one that it requires."""
        by_key = {item.key: number for number, item in enumerate(self.dists)}
        reach = [
            {number}
            | {
                by_key[key]
                for key in map(distributions.required_key, item.requires)
                if key in by_key
            }
            for number, item in enumerate(self.dists)
        ]

        def may_name(path: str, name: str) -> bool:
            owner = self._file_owner(path)
            return owner >= 0 and any(other in reach[owner] for _, other in universe.get(name, ()))

        return may_name

    def _fallbacks(
        self,
        graph: Any,
        universe: Mapping[str, list[tuple[str, int]]],
        library_modules: Mapping[str, str],
    ) -> None:
        """Distributions that the standard library reads where the system lacks something, as zoneinfo does tzdata.

        It names them in a constant of a module that works with ``importlib.resources``.
        """
        from . import graph as graph_module

        tops = {name.partition(".")[0] for name in universe} - set(sys.stdlib_module_names)
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
                for name in sorted(universe):
                    if name == top or name.startswith(top + "."):
                        graph.follow(name, node)

    def _hooks(self, graph: Any) -> None:
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

    def _runtime_hooks(self, graph: Any) -> dict[str, Any]:
        """Runtime hooks of modules in the graph: script name -> (path, node)."""
        found: dict[str, Any] = {}
        self.rthooks: dict[str, list[str]] = {}
        for module, paths in sorted(graph._available_rthooks.items()):
            node = graph.find_node(module)
            if node is None or _KINDS.get(type(node).__name__, "missing") in (
                "missing",
                "excluded",
            ):
                continue
            for path in paths:
                name = os.path.splitext(os.path.basename(path))[0]
                found[name] = (path, graph.add_script(path))
                self.rthooks.setdefault(module, []).append(name)
        return found

    # --- writing --------------------------------------------------------------------------------------------------

    def _write(
        self,
        graph: Any,
        modules: Mapping[str, compiled.Module],
        universe: Mapping[str, list[tuple[str, int]]],
        winners: Mapping[str, str],
        scripts: Mapping[str, Any],
    ) -> None:
        owner_of = {path: owner for found in universe.values() for path, owner in found}
        self.owner_of = owner_of
        nodes = {
            node.graphident: node
            for node in graph.iter_all()
            if type(node).__name__ not in ("Script", "InvalidRelativeImport")
        }
        names = sorted(nodes)
        number = {name: position for position, name in enumerate(names)}
        edges: dict[str, list[int]] = {name: [] for name in names}
        script_edges: dict[str, list[int]] = {}
        identifiers = {id(node): name for name, (_, node) in scripts.items()}
        for head, tail, _ in graph.graph.edges.values():
            target = number.get(tail)
            if target is None:
                continue
            if head in edges:
                edges[head].append(target)
            else:
                source = graph.graph.node_data(head) if head in graph.graph else None
                if id(source) in identifiers:
                    script_edges.setdefault(identifiers[id(source)], []).append(target)
        base = sorted(
            {node.graphident for node in graph._base_modules if node.graphident in number}
        )
        result: list[index.Node] = []
        code_path = os.path.join(self.request.output, contract.LAYER_MODULES)
        with open(code_path, "wb") as blob:
            for name in names:
                result.append(
                    self._node(nodes[name], sorted(set(edges[name])), modules, blob, owner_of)
                )
            self._bootstrap(blob)
            entries = {
                name: self._script(blob, name, "s", path, sorted(set(script_edges.get(name, []))))
                for name, (path, _) in scripts.items()
            }
        step(f"{sum(node.length > 0 for node in result)} compiled modules written")
        self._module_files(graph, nodes, number, result)
        self._base_library(base, nodes, modules)
        groups = self._groups(nodes)
        self._data_files(number)
        modes = dict(graph._module_collection_mode)
        self._sources_as_files(modes, names, nodes, result)
        self._binaries(graph, nodes)
        host = self._place_files()
        dists = self._dists(names, result)
        missing = self._missing(graph, nodes)
        contested = conflicts.contested_files(self.site, self.dists)
        shutil.copytree(
            os.path.join(os.path.realpath(self.request.tool), "PyInstaller", "bootloader"),
            os.path.join(self.request.output, "bootloader"),
            dirs_exist_ok=True,
            copy_function=shutil.copyfile,
        )
        self._floors()
        self._licences(host)
        index.write(
            index.Index(
                schema=contract.SCHEMA,
                platform=interpreter.platform_name(),
                python=interpreter.identity(self.python_library),
                python_library=os.path.basename(self.python_library),
                pyinstaller=self.version,
                optimize=self.request.optimize,
                names=names,
                nodes=result,
                base=[number[name] for name in base],
                bootstrap=self.bootstrap,
                rthooks=self.rthooks,
                scripts=entries,
                modes=modes,
                files=self.files,
                dists=dists,
                missing=missing,
                contested=contested,
                winners={
                    name: [os.path.relpath(path, self.site).replace(os.sep, "/")]
                    for name, path in winners.items()
                },
                host_libraries=host,
                interpreter_libraries=natives.described_libraries(
                    {
                        dest: self.sources[dest]
                        for dest, item in self.files.items()
                        if item.kind == "binary" and item.origin == "interpreter"
                    },
                    sys.base_prefix,
                    interpreter.own_libraries()["libraries"],
                ),
                groups=groups,
                others=self._others(),
                faults=dict(sorted(graph.faults.items())),
                unresolved={
                    name: list(node.code.scan.unresolved)
                    for name, node in nodes.items()
                    if isinstance(node.code, compiled.Module) and node.code.scan.unresolved
                },
            ),
            self.request.output,
        )
        size = sum(item.size for item in self.files.values())
        step(f"layer: {len(names)} modules, {len(self.files)} files ({size / 1e6:.1f} MB)")

    def _relative(self, path: str | None) -> str:
        if not path or path == "-":
            return ""
        for root in (self.site, *self.library):
            if path.startswith(root + os.sep):
                return os.path.relpath(path, root).replace(os.sep, "/")
        return ""

    def _node(
        self,
        node: Any,
        edges: list[int],
        modules: Mapping[str, compiled.Module],
        blob: Any,
        owner_of: Mapping[str, int],
    ) -> index.Node:
        kind = _KINDS.get(type(node).__name__, "missing")
        path: str = getattr(node, "filename", None) or ""
        source = self._relative(path)
        in_site = path.startswith(self.site + os.sep)
        made = index.Node(kind, edges, owner_of.get(source, -1) if in_site else -1, source=source)
        if kind in _CODE_SUFFIXES:
            module = modules.get(path)
            data = module.blob if module else self._compile_other(node)
            if data is None:
                made.kind = "missing"
            else:
                made.offset, made.length = blob.tell(), len(data)
                blob.write(data)
        return made

    def _compile_other(self, node: Any) -> bytes | None:
        """Code of a module that is in no pack (a compiled-only module, a file of tests that something imports)."""
        path = node.filename
        if path.endswith(".pyc"):
            with open(path, "rb") as file:
                code = marshal.loads(file.read()[16:])
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                code, _ = compiled.compile_module(
                    file.read(),
                    self._relative(path) or os.path.basename(path),
                    self.request.optimize,
                )
        else:
            return None
        return None if code is None else zlib.compress(marshal.dumps(code), compiled.PYZ_LEVEL)

    def _bootstrap(self, blob: Any) -> None:
        """The bootloader's own modules, in PyInstaller's order."""
        from PyInstaller.depend.analysis import get_bootstrap_modules

        self.bootstrap: list[index.Script] = []
        for name, path, kind in get_bootstrap_modules():
            if kind in ("PYMODULE", "PYSOURCE"):
                self.bootstrap.append(
                    self._script(blob, name, "m" if kind == "PYMODULE" else "s", path, [])
                )
            else:
                self._add(name, path, "binary")

    def _script(self, blob: Any, name: str, kind: str, path: str, edges: list[int]) -> index.Script:
        with open(path, "rb") as file:
            code = compiled.compile_alike(file.read(), name + ".py")
        data = marshal.dumps(code)
        offset = blob.tell()
        blob.write(data)
        return index.Script(name, kind, offset, len(data), edges)

    def _add(self, dest: str, path: str, kind: str, module: int = -1) -> str:
        """Register a file of the bundle; the first of two with one destination stays, a binary wins over data."""
        dest = os.path.normpath(dest).replace(os.sep, "/")
        # Windows has one file for VCRUNTIME140.dll and vcruntime140.dll, which libraries spell either way.
        dest = self.spellings.setdefault(os.path.normcase(dest), dest)
        known = self.files.get(dest)
        if known is None or (known.kind == "data" and kind == "binary"):
            self.files[dest] = index.File(kind, module=module)
            self.sources[dest] = path
        return dest

    def _module_files(
        self,
        graph: Any,
        nodes: Mapping[str, Any],
        number: Mapping[str, int],
        result: list[index.Node],
    ) -> None:
        """Extensions, files from hooks, libraries loaded through ctypes, metadata asked for by name."""
        from PyInstaller.building.utils import (
            destination_name_for_extension,
            format_binaries_and_datas,
        )
        from PyInstaller.depend.bindepend import classify_binary_vs_data
        from PyInstaller.depend.utils import scan_code_for_ctypes
        from PyInstaller.utils.hooks import copy_metadata

        from . import graph as graph_module

        self.extensions: set[str] = set()
        for name, node in nodes.items():
            item = result[number[name]]
            if item.kind == "extension":
                full = name + ".__init__" if type(node).__name__ == "ExtensionPackage" else name
                dest = destination_name_for_extension(full, node.filename, "EXTENSION")
                item.files.append(self._add(dest, node.filename, "binary", number[name]))
                self.extensions.add(item.files[-1])
            cache = graph._additional_files_cache
            for kind, entries in (("binary", cache.binaries(name)), ("data", cache.datas(name))):
                for dest, path in entries:
                    found = classify_binary_vs_data(path)
                    if found is not None:
                        kind = "binary" if found == "BINARY" else "data"
                    if self._is_installer_file(dest):
                        continue
                    item.files.append(self._add(dest, path, kind, number[name]))
        for name, code in graph.get_code_using("ctypes").items():
            if name in number:
                for dest, path, _ in sorted(set(scan_code_for_ctypes(code))):
                    if classify_binary_vs_data(path) in (None, "BINARY"):
                        result[number[name]].files.append(self._add(dest, path, "binary"))
        for package in ("importlib.metadata", "importlib_metadata", "pkg_resources"):
            for name, code in graph.get_code_using(package).items():
                for wanted in graph_module.metadata_calls(code) if name in number else ():
                    try:
                        entries = format_binaries_and_datas(copy_metadata(wanted))
                    except Exception:
                        continue
                    for dest, path in entries:
                        if not self._is_installer_file(dest):
                            result[number[name]].files.append(self._add(dest, path, "data"))
        for item in result:
            item.files = sorted(set(item.files))

    @staticmethod
    def _is_installer_file(dest: str) -> bool:
        """Whether ``dest`` is part of a dist-info directory that is not bundled."""
        folder, _, base = dest.replace(os.sep, "/").rpartition("/")
        return ".dist-info" in folder and base not in distributions.METADATA_FILES

    def _data_files(self, number: Mapping[str, int]) -> None:
        """Data files and native libraries of all distributions, each with its nearest package, and their metadata."""
        for owner, distribution in enumerate(self.dists):
            natives_of = distributions.native_files(self.site, distribution)
            for path in (
                *distributions.data_files(distribution),
                *distributions.sources_as_data(distribution),
                *natives_of,
            ):
                package = os.path.dirname(path).replace("/", ".")
                while package and package not in number:
                    package = package.rpartition(".")[0]
                if package:
                    kind = "binary" if self._is_binary(os.path.join(self.site, path)) else "data"
                    dest = self._add(path, os.path.join(self.site, path), kind, number[package])
                    self.files[dest].owner = owner
                    if self.files[dest].module < 0:
                        self.files[dest].module = number[package]
            for path in distribution.metadata_files:
                dest = self._add(path, os.path.join(self.site, path), "data")
                self.files[dest].owner = owner

    def _others(self) -> dict[str, int]:
        """Files of distributions that no selection has unless it names them; what an installer made up is not among
        them.
        """
        return {
            path: owner
            for owner, distribution in enumerate(self.dists)
            for path in distribution.files
            if path not in self.files
            and "/../" not in path
            and not (
                path.startswith(distribution.info + "/")
                and path.rpartition("/")[2] in distributions.INSTALLERS_FILES
            )
        }

    @staticmethod
    def _is_binary(path: str) -> bool:
        from PyInstaller.depend.bindepend import classify_binary_vs_data

        return bool(classify_binary_vs_data(path) == "BINARY")

    def _sources_as_files(
        self,
        modes: Mapping[str, str],
        names: list[str],
        nodes: Mapping[str, Any],
        result: list[index.Node],
    ) -> None:
        """Modules that hooks want as files (``module_collection_mode``)."""
        from PyInstaller.building.build_main import (
            _get_module_collection_mode,
            _ModuleCollectionMode,
        )

        for name, item in zip(names, result):
            if not modes or item.kind not in _CODE_SUFFIXES:
                continue
            mode = _get_module_collection_mode(modes, name)
            path = nodes[name].filename
            stem = name.replace(".", "/") + (
                "/__init__" if os.path.basename(path).startswith("__init__.") else ""
            )
            if _ModuleCollectionMode.PY in mode and path.endswith(".py"):
                item.files.append(self._add(stem + ".py", path, "data"))
            if _ModuleCollectionMode.PYC in mode:
                with open(path, "rb") as file:
                    code = compiled.compile_alike(file.read(), stem + ".py", self.request.optimize)
                target = os.path.join(self.work, "pyc", stem + ".pyc")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as out:
                    out.write(compiled.pyc(marshal.dumps(code)))
                item.files.append(self._add(stem + ".pyc", target, "data"))
            if _ModuleCollectionMode.PYZ not in mode:
                item.length = 0

    def _binaries(self, graph: Any, nodes: Mapping[str, Any]) -> None:
        """Everything that the native libraries load, as PyInstaller finds it."""
        from PyInstaller.building import build_main
        from PyInstaller.depend import bindepend

        self.python_library = os.path.normpath(bindepend.get_python_library_path())
        self._add(os.path.basename(self.python_library), self.python_library, "binary")
        recorded = natives.record_imports(bindepend)
        table = [
            (dest, self.sources[dest], "EXTENSION" if dest in self.extensions else "BINARY")
            for dest, item in self.files.items()
            if item.kind == "binary"
        ]
        packages = sorted(
            {
                dest.split("/")[0]
                for dest, item in self.files.items()
                if item.kind == "binary" and "/" in dest
            }
            & {name for name in nodes if "." not in name}
        )
        found = build_main.find_binary_dependencies(
            table, packages, graph._bindepend_symlink_suppression
        )
        everywhere = self._needed_by_bootloader(bindepend)
        for dest, path, kind in found:
            dest = os.path.normpath(dest).replace(os.sep, "/")
            if kind == "SYMLINK":
                if dest not in self.files:
                    self.files[dest] = index.File("symlink", target=path.replace(os.sep, "/"))
            elif os.path.basename(dest) not in everywhere:
                self._add(dest, path, "binary")
        by_path = {natives.one_spelling(path): dest for dest, path in self.sources.items()}
        links: dict[str, list[str]] = {}
        for dest, item in self.files.items():
            if item.kind == "symlink":
                target = os.path.normpath(os.path.join(os.path.dirname(dest), item.target)).replace(
                    os.sep, "/"
                )
                links.setdefault(target, []).append(dest)
        for dest, item in self.files.items():
            if item.kind == "binary":
                needs = {
                    by_path[path]
                    for path in recorded.get(natives.one_spelling(self.sources[dest]), [])
                    if path in by_path
                }
                needs |= {link for need in needs for link in links.get(need, [])}
                item.needs = sorted(needs - {dest})

    def _needed_by_bootloader(self, bindepend: Any) -> set[str]:
        """Libraries that are wherever an executable starts, for its bootloader needs them (libz on Linux).

        In a bundle they would only come between: the dynamic linker would load them from the unpacked files before the
        bootloader can say that these cannot be used.
        """
        if sys.platform != "linux":
            return set()
        loader = bundle.bootloader(os.path.join(self.request.tool, "PyInstaller"), windows=False)
        return {name for name, _ in bindepend.get_imports(loader)}

    def _place_files(self) -> dict[str, dict[str, Any]]:
        """Copy all files into the layer; returns the host's libraries among them."""
        host: dict[str, dict[str, Any]] = {}
        out = os.path.join(self.request.output, contract.LAYER_FILES)
        stripped = saved = 0
        for dest, item in sorted(self.files.items()):
            if item.kind == "symlink":
                continue
            source = self.sources[dest]
            target = os.path.join(out, *dest.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if item.kind == "binary":
                if not self._process_binary(source, target, dest):
                    stripped += 0
                item.executable = True
                saved += os.path.getsize(source) - os.path.getsize(target)
            else:
                shutil.copyfile(source, target)
                item.executable = bool(os.stat(source).st_mode & stat.S_IXUSR)
                os.chmod(target, 0o755 if item.executable else 0o644)
            item.size = os.path.getsize(target)
            item.sha256 = interpreter.sha256_of(target)
            real = os.path.realpath(source)
            if real.startswith(
                (self.site + os.sep, os.path.realpath(self.request.tool) + os.sep, self.work)
            ):
                item.origin = "lock"
            elif natives.interpreter_owns(source) or item.kind != "binary":
                item.origin = "interpreter"
            else:
                item.origin = "host"
                host[dest] = {"name": os.path.basename(dest), "sha256": interpreter.sha256_of(real)}
            if item.owner < 0 and item.origin == "lock":
                item.owner = self._file_owner(source)
        packages = natives.host_packages([self.sources[dest] for dest in host])
        for dest, entry in host.items():
            entry["package"], entry["version"] = packages[self.sources[dest]]
        if self.request.strip:
            step(f"native libraries stripped: {saved / 1e6:.1f} MB less")
        return host

    def _file_owner(self, source: str) -> int:
        if not hasattr(self, "_owners"):
            self._owners = {
                path: number for number, item in enumerate(self.dists) for path in item.files
            }
        return self._owners.get(os.path.relpath(source, self.site).replace(os.sep, "/"), -1)

    def _process_binary(self, source: str, target: str, dest: str) -> bool:
        if sys.platform == "linux":
            if self.request.strip:
                return natives.strip_library(source, target, self.request.cache)
            shutil.copyfile(source, target)
        else:
            from PyInstaller.building.utils import process_collected_binary

            processed = process_collected_binary(
                source,
                dest.replace("/", os.sep),
                use_strip=self.request.strip and sys.platform == "darwin",
            )
            shutil.copyfile(processed, target)
        os.chmod(target, 0o755)
        return False

    def _base_library(
        self, base: Iterable[str], nodes: Mapping[str, Any], modules: Mapping[str, compiled.Module]
    ) -> None:
        """base_library.zip: what the interpreter needs to start, in sorted order, with constant times."""
        entries: dict[str, bytes] = {}
        for name in base:
            node = nodes[name]
            module = modules.get(getattr(node, "filename", None) or "")
            if module is None or module.blob is None:
                continue
            package = os.path.basename(node.filename).startswith("__init__.")
            dest = name.replace(".", "/") + ("/__init__" if package else "") + ".pyc"
            entries[dest] = compiled.pyc(zlib.decompress(module.blob))
        target = os.path.join(self.work, "base_library.zip")
        with zipfile.ZipFile(target, "w") as archive:
            for dest in sorted(entries):
                archive.writestr(zipfile.ZipInfo(dest), entries[dest])
        self._add("base_library.zip", target, "data")

    def _dists(self, names: list[str], nodes: list[index.Node]) -> list[index.Dist]:
        owned: dict[int, list[int]] = {}
        for position, node in enumerate(nodes):
            if node.owner >= 0 and node.kind in index.PRESENT_KINDS:
                owned.setdefault(node.owner, []).append(position)
        data: dict[int, list[str]] = {}
        for dest, item in self.files.items():
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
            for number, item in enumerate(self.dists)
        ]

    def _groups(self, nodes: Mapping[str, Any]) -> dict[str, list[str]]:
        """Modules of the resolve and the groups of entry points that they name (see ``entry_points``)."""
        known = {group for item in self.dists for group in item.entry_points}
        find = entry_points.finder(known)
        sources: dict[str, tuple[bytes, int]] = {}
        for name, node in nodes.items():
            path = getattr(node, "filename", None) or ""
            if path.endswith(".py") and path.startswith(self.site + os.sep):
                with open(path, "rb") as file:
                    sources[name] = file.read(), self._file_owner(path)
        speakers = {
            owner for text, owner in sources.values() if entry_points.speaks_of_plugins(text)
        }
        found = {name: find(text, owner in speakers) for name, (text, owner) in sources.items()}
        return {name: groups for name, groups in found.items() if groups}

    def _missing(self, graph: Any, nodes: Mapping[str, Any]) -> dict[str, list[list[str]]]:
        """Absent modules and who imports them, how (the syntax tree is asked only here, for those few sources)."""
        importers: dict[str, set[str]] = {}
        for head, tail, _ in graph.graph.edges.values():
            if (
                tail in nodes
                and head in nodes
                and _KINDS.get(type(nodes[tail]).__name__, "missing") == "missing"
            ):
                importers.setdefault(head, set()).add(tail)
        missing: dict[str, list[list[str]]] = {}
        for importer, absent in sorted(importers.items()):
            flags = self._flags(nodes[importer], importer)
            for name in sorted(absent):
                missing.setdefault(name, []).append([importer, flags.get(name, "hidden import")])
        return missing

    def _flags(self, node: Any, name: str) -> dict[str, str]:
        path = getattr(node, "filename", None) or ""
        if not path.endswith(".py"):
            return {}
        with open(path, "rb") as file:
            source = file.read()
        key = hashlib.sha256(f"flags{scan.VERSION}{name}\0".encode() + source).hexdigest()
        known = compiled.read_entry(self.request.cache, "flags", key)
        if known is not None:
            stored: dict[str, str] = marshal.loads(known)
            return stored
        package = (
            name if os.path.basename(path).startswith("__init__.") else name.rpartition(".")[0]
        )
        found: dict[str, str] = {}
        try:
            imports = scan.imports_with_flags(source)
        except (SyntaxError, ValueError):  # an encoding that the compiler alone takes
            imports = scan.imports_with_flags(source.decode("utf-8", "replace").encode())
        for item, flags in imports:
            base = item.name
            if item.level:
                parts = package.split(".")
                base = ".".join(
                    [*parts[: len(parts) - item.level + 1], *([item.name] if item.name else [])]
                )
            pieces = base.split(".")
            targets = [".".join(pieces[: end + 1]) for end in range(len(pieces))]
            targets += [f"{base}.{attribute}" for attribute in item.attributes or ()]
            for target in targets:
                said = flags.describe()
                if found.get(target) != "top-level":
                    found[target] = said
        compiled.write_entry(self.request.cache, "flags", key, marshal.dumps(found))
        return found

    def _floors(self) -> None:
        out = os.path.join(self.request.output, contract.LAYER_FILES)
        files = {
            dest: os.path.join(out, *dest.split("/"))
            for dest, item in self.files.items()
            if item.kind != "symlink"
        }
        loader = bundle.bootloader(self.request.output, sys.platform == "win32")
        floors.write(self.request.output, files, loader)

    def _licences(self, host: Mapping[str, dict[str, Any]]) -> None:
        texts: dict[str, Any] = {
            "distributions": {},
            "packages": {},
            "interpreter": [],
            "interpreter_libraries": interpreter.own_libraries()["texts"],
        }
        for distribution in self.dists:
            found = []
            for path in distribution.licence_files:
                with open(
                    os.path.join(self.site, path), encoding="utf-8", errors="replace"
                ) as file:
                    found.append({"file": path.rsplit("/", 1)[-1], "text": file.read()})
            texts["distributions"][distribution.key] = found
        for package in sorted({item["package"] for item in host.values() if item["package"]}):
            texts["packages"][package] = natives.host_licence(package)
        tool = os.path.realpath(self.request.tool)
        for item in distributions.read_distributions(tool):
            if item.key == "pyinstaller":
                texts["bootloader"] = []
                for path in item.licence_files:
                    with open(os.path.join(tool, path), encoding="utf-8", errors="replace") as file:
                        texts["bootloader"].append(
                            {"file": path.rsplit("/", 1)[-1], "text": file.read()}
                        )
        candidates = [
            os.path.join(root, name) for root in self.library for name in ("LICENSE.txt", "LICENSE")
        ]
        candidates += [os.path.join(sys.base_prefix, name) for name in ("LICENSE.txt", "LICENSE")]
        for path in candidates:
            if os.path.isfile(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    texts["interpreter"].append({"file": "LICENSE.txt", "text": file.read()})
                break
        target = os.path.join(self.request.output, contract.LAYER_LICENCES)
        with open(target, "w", encoding="utf-8", newline="\n") as out:
            json.dump(texts, out, sort_keys=True)
