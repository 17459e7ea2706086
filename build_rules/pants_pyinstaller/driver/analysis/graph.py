"""PyInstaller's module graph over a whole resolve, fed with scans from the cache.

The graph itself, its hooks (standard, contributed, the user's), aliases, runtime modules and excluded imports are
PyInstaller's. Replaced is only how a source becomes a list of imports, and where the graph looks for modules.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import marshal
import os
import sys
import types
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from PyInstaller import HOMEPATH
from PyInstaller.depend import bytecode, imphook, imphookapi
from PyInstaller.depend.analysis import PyiModuleGraph
from PyInstaller.lib.modulegraph import modulegraph as mg
from PyInstaller.lib.modulegraph.find_modules import get_implies

from . import distributions, native_names, scan
from .compiled import Module
from .selection import is_under

_DIRECT = mg.DependencyInfo(conditional=False, function=False, tryexcept=False, fromlist=False)


def code_of(module: Module) -> types.CodeType:
    """The code object of a compiled module (which must have one)."""
    assert module.blob is not None
    code = marshal.loads(zlib.decompress(module.blob))
    assert isinstance(code, types.CodeType)
    return code


class LayerGraph(PyiModuleGraph):  # type: ignore[misc]
    """PyInstaller's graph whose source modules come compiled and scanned.

    :param sources: absolute path of a source -> its compiled module.
    :param imported_files: import names that two distributions own -> the file that importing them really gives.
    """

    def __init__(
        self,
        sources: Mapping[str, Module],
        imported_files: Mapping[str, str],
        user_hook_dirs: Iterable[tuple[str, int]],
        path: list[str],
    ) -> None:
        self.sources = sources
        self.imported_files = imported_files
        self._edges: set[tuple[str, str]] = set()
        self.faults: dict[str, str] = {}
        self._importer: Any = None
        super().__init__(
            HOMEPATH,
            excludes=("__main__",),
            implies=get_implies(),
            user_hook_dirs=tuple(user_hook_dirs),
            path=path,
        )

    def msg(self, *arguments: Any, **named: Any) -> None:
        """The graph's own log is never shown here, and formatting it costs a tenth of the analysis."""

    msgin = msgout = msg

    def _updateReference(self, fromnode: Any, tonode: Any, edge_data: Any) -> None:
        """One edge for a pair; what kinds of imports it stands for is asked of the sources when it matters.

        ``from package import submodule`` in a third module makes PyInstaller draw an edge from the package to the
        submodule as well. Over a whole resolve that would pull in whatever anybody imports of a package, so the edge is
        kept only where the package itself is the importer; the third module has its own edge to the submodule.
        """
        if fromnode is None or tonode is None:
            return
        if (
            fromnode is not self._importer
            and tonode.identifier.rpartition(".")[0] == fromnode.identifier
        ):
            return
        pair = (fromnode.graphident, tonode.graphident)
        if pair not in self._edges:
            self._edges.add(pair)
            self.add_edge(fromnode, tonode, edge_data)

    def import_hook(
        self, target_module_partname: str, source_module: Any = None, *arguments: Any, **named: Any
    ) -> list[Any]:
        """As PyInstaller's; remembers who imports."""
        outer, self._importer = self._importer, source_module
        try:
            found: list[Any] = super().import_hook(
                target_module_partname, source_module, *arguments, **named
            )
        finally:
            self._importer = outer
        return found

    def _safe_import_hook(
        self, target_module_partname: str, source_module: Any, *arguments: Any, **named: Any
    ) -> list[Any]:
        outer, self._importer = self._importer, source_module
        try:
            found: list[Any] = super()._safe_import_hook(
                target_module_partname, source_module, *arguments, **named
            )
        finally:
            self._importer = outer
        return found

    def _safe_import_module(self, module_basename: str, module_name: str, parent: Any) -> Any:
        try:
            return super()._safe_import_module(module_basename, module_name, parent)
        except ImportError:
            raise
        except Exception as error:
            # PyInstaller has forgotten the hook by now: this is the same without it.
            self.faults.setdefault(
                module_name, f"a hook of {module_name} failed: {type(error).__name__}: {error}"
            )
            return super()._safe_import_module(module_basename, module_name, parent)

    def _find_module_path(self, fullname: str, module_name: str, search_dirs: list[str]) -> Any:
        file = self.imported_files.get(fullname)
        if file is not None:
            self._hooks_pre_find_module_path.pop(fullname, None)
            return file, importlib.machinery.SourceFileLoader(fullname, file)
        return super()._find_module_path(fullname, module_name, search_dirs)

    def _load_module(
        self, fqname: str, pathname: str | None, loader: Any
    ) -> tuple[Any, Module | None]:
        known = self.sources.get(pathname) if pathname else None
        if known is None or not isinstance(loader, importlib.machinery.SourceFileLoader):
            node, code = super()._load_module(fqname, pathname, loader)
            return node, code
        if loader.is_package(fqname.rpartition(".")[-1]):
            node = self.createNode(mg.Package, fqname)
            assert pathname is not None
            node.packagepath = [
                os.path.dirname(pathname),
                *self._legacy_ns_packages.get(fqname, []),
                *self._package_path_map.get(fqname, []),
            ]
        else:
            node = self.createNode(
                mg.SourceModule if known.blob else mg.InvalidSourceModule, fqname
            )
        node.filename = pathname
        return node, known if known.blob else None

    def _scan_code(self, module: Any, code: Any, tree: Any = None) -> Any:
        if not isinstance(code, Module):
            return super()._scan_code(module, code, tree)
        module._deferred_imports = [
            (
                item.star,
                (
                    item.name,
                    module,
                    None if item.attributes is None else list(item.attributes),
                    item.level,
                ),
                {"edge_attr": _DIRECT},
            )
            for item in code.scan.imports
        ]
        module._global_attr_names.update(code.scan.attributes)
        return module

    def get_code_using(self, module: str) -> dict[str, types.CodeType]:
        """As PyInstaller's, with code objects restored from the cache."""
        return {name: _restored(code) for name, code in super().get_code_using(module).items()}

    # --- What PyInstaller's scan does not know --------------------------------------------------------------------

    def add_literal_imports(
        self,
        exists: Callable[[str], bool],
        children: Mapping[str, list[str]],
        may_name: Callable[[str, str], bool],
    ) -> None:
        """Follow modules named by literals, in compiled code too, and packages that are iterated (see ``scan.Scan``).

        New modules may bring new ones: repeated until nothing is added.

        :param may_name: whether a constant of the module in a file can mean a certain module of the lock.
        """
        done: set[str] = set()
        while True:
            fresh = [
                node
                for node in list(self.iter_all())
                if isinstance(node, mg.Extension) or isinstance(node.code, Module)
                if node.identifier not in done
            ]
            if not fresh:
                return
            for node in fresh:
                done.add(node.identifier)
                if isinstance(node, mg.Extension):
                    top = node.identifier.partition(".")[0]
                    if "." in node.identifier and node.filename:
                        for name in sorted(native_names.find(node.filename, top, exists)):
                            self.follow(name, node)
                    continue
                found: scan.Scan = node.code.scan
                package = (
                    node.identifier
                    if isinstance(node, mg.Package)
                    else node.identifier.rpartition(".")[0]
                )
                for name in found.dynamic:
                    bare = name.lstrip(".")
                    target = distributions.absolute(bare, len(name) - len(bare), package)
                    if target and exists(target):
                        self.follow(target, node)
                for name in found.iterated:
                    for child in children.get(package if name == "." else name, ()):
                        if not child.endswith(".__main__"):
                            self.follow(child, node)
                path = node.filename or ""
                for prefix in found.prefixes:
                    whole = package + prefix if prefix.startswith(".") else prefix
                    parent = whole.rpartition(".")[0]
                    for child in children.get(parent, ()):
                        if child.startswith(whole) and may_name(path, child):
                            self.follow(child, node)
                for name in found.files and self._extensions(package):
                    if name.rpartition(".")[2] in found.files:
                        self.follow(name, node)
                loads = found.named and self._loads_by_name(node)
                for text in found.named:
                    name, colon, _ = text.partition(":")
                    while name and not exists(name):
                        name = "" if colon else name.rpartition(".")[0]
                        colon = ":"
                    if name and (":" in text or (loads and "." in name)) and may_name(path, name):
                        self.follow(name, node)

    def _extensions(self, package: str) -> list[str]:
        """Extension modules below a package."""
        return [
            node.identifier
            for node in self.iter_all()
            if isinstance(node, mg.Extension) and node.identifier.startswith(package + ".")
        ]

    def _loads_by_name(self, node: Any) -> bool:
        """Whether a module, or one that it imports, imports by name; its parent packages are not asked."""
        if node.code.scan.loads:
            return True
        for target in self.graph.out_nbrs(node.graphident):
            other = self.graph.node_data(target)
            code = getattr(other, "code", None)
            if (
                isinstance(code, Module)
                and code.scan.loads
                and other.identifier.partition(".")[0] not in sys.stdlib_module_names
                and not node.identifier.startswith(other.identifier + ".")
            ):
                return True
        return False

    def follow(self, name: str, source: Any) -> None:
        """Add the module ``name``, if there is one, as imported by ``source``.

        Nothing is added that a hook of ``source`` excludes, unless ``source`` itself is under that exclusion.
        """
        referrer = getattr(source, "identifier", "")
        rules = self._find_all_excluded_imports(referrer) if referrer else ()
        if any(is_under(name, (rule,)) and not is_under(referrer, (rule,)) for rule in rules):
            return
        with contextlib.suppress(ImportError):
            self.import_hook(name, source)

    def iter_all(self) -> Iterable[Any]:
        """Every node of the graph."""
        for identifier in list(self.graph):
            node = self.graph.node_data(identifier)
            if node is not None and hasattr(node, "identifier"):
                yield node


def tolerate_failing_hooks(faults: dict[str, str], empty: str) -> None:
    """Have a hook that fails count as an empty one: the fault is that of programs which use its module.

    :param faults: module -> what happened, filled in.
    :param empty: path of an empty file.
    """
    load, call = imphook.ModuleHook._load_hook_module, imphook.ModuleHook._process_hook_func

    def note(hook: Any, error: Exception) -> None:
        reason = error.__context__ or error
        faults.setdefault(
            hook.module_name,
            f"hook {os.path.basename(hook.hook_filename)} failed: {type(reason).__name__}: {reason}",
        )

    def safe_load(hook: Any, keep_module_ref: bool = False) -> None:
        try:
            load(hook, keep_module_ref)
        except Exception as error:
            note(hook, error)
            hook._loaded = False
            hook.hook_filename = empty
            load(hook, keep_module_ref)

    def safe_call(hook: Any, analysis: Any) -> None:
        try:
            call(hook, analysis)
        except Exception as error:
            note(hook, error)

    imphook.ModuleHook._load_hook_module = safe_load
    imphook.ModuleHook._process_hook_func = safe_call


def _restored(code: Any) -> types.CodeType:
    if isinstance(code, Module):
        return code_of(code)
    assert isinstance(code, types.CodeType)
    return code


imphookapi.PostGraphAPI.co = property(lambda self: _restored(self._co))


def metadata_calls(code: types.CodeType) -> set[str]:
    """Distributions whose metadata the code asks for by a literal name, as PyInstaller finds them."""
    functions: set[str] = set()
    for package in ("importlib.metadata", "importlib_metadata"):
        for method in ("metadata", "distribution", "version", "files", "requires"):
            functions.update(bytecode.any_alias(f"{package}.{method}"))
    for method in ("get_distribution", "require"):
        functions.update(bytecode.any_alias(f"pkg_resources.{method}"))
    return {
        arguments[0]
        for calls in bytecode.recursive_function_calls(code).values()
        for function, arguments in calls
        if function in functions and len(arguments) == 1 and isinstance(arguments[0], str)
    }


def raise_recursion_limit() -> None:
    """Chains of imports are followed recursively; real resolves need more than Python's default depth."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20000))
