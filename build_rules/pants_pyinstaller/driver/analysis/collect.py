"""The files of a bundle with everything in it: extensions, libraries, data, metadata; and their copies in the layer."""

from __future__ import annotations

import marshal
import os
import platform
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import contract, index
from ..macho import bundled
from ..progress import step
from . import compiled, distributions, foreign, natives, pyinstaller
from .interpreter import sha256_of
from .resolve import Resolve


class Collection:
    """Files by their destinations, and where each comes from.

    :param sources: destination -> path.
    """

    def __init__(self, resolve: Resolve, request: contract.LayerRequest, work: str) -> None:
        self.resolve, self.request, self.work = resolve, request, work
        self.files: dict[str, index.File] = {}
        self.sources: dict[str, str] = {}
        self.spellings: dict[str, str] = {}
        self.extensions: set[str] = set()

    def add(self, dest: str, path: str, kind: str, module: int = -1) -> str:
        """Register a file of the bundle; the first of two with one destination stays, a binary wins over data."""
        dest = os.path.normpath(dest).replace(os.sep, "/")
        # Windows has one file for VCRUNTIME140.dll and vcruntime140.dll, which libraries spell either way.
        dest = self.spellings.setdefault(os.path.normcase(dest), dest)
        known = self.files.get(dest)
        if known is None or (known.kind == "data" and kind == "binary"):
            self.files[dest] = index.File(kind, module=module)
            self.sources[dest] = path
        return dest

    def add_module_files(
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

        for name, node in nodes.items():
            item = result[number[name]]
            if item.kind == "extension":
                full = name + ".__init__" if type(node).__name__ == "ExtensionPackage" else name
                dest = destination_name_for_extension(full, node.filename, "EXTENSION")
                item.files.append(self.add(dest, node.filename, "binary", number[name]))
                self.extensions.add(item.files[-1])
            cache = graph._additional_files_cache
            for kind, entries in (("binary", cache.binaries(name)), ("data", cache.datas(name))):
                for dest, path in entries:
                    found = classify_binary_vs_data(path)
                    if found is not None:
                        kind = "binary" if found == "BINARY" else "data"
                    if self._is_installer_file(dest):
                        continue
                    item.files.append(self.add(dest, path, kind, number[name]))
        for name, code in graph.get_code_using("ctypes").items():
            if name in number:
                for dest, path, _ in sorted(set(scan_code_for_ctypes(code))):
                    if classify_binary_vs_data(path) in (None, "BINARY"):
                        result[number[name]].files.append(self.add(dest, path, "binary"))
        for package in ("importlib.metadata", "importlib_metadata", "pkg_resources"):
            for name, code in graph.get_code_using(package).items():
                for wanted in graph_module.metadata_calls(code) if name in number else ():
                    try:
                        entries = format_binaries_and_datas(copy_metadata(wanted))
                    except Exception:
                        continue
                    for dest, path in entries:
                        if not self._is_installer_file(dest):
                            result[number[name]].files.append(self.add(dest, path, "data"))
        for item in result:
            item.files = sorted(set(item.files))

    @staticmethod
    def _is_installer_file(dest: str) -> bool:
        """Whether ``dest`` is part of a dist-info directory that is not bundled."""
        folder, _, base = dest.replace(os.sep, "/").rpartition("/")
        return ".dist-info" in folder and base not in distributions.METADATA_FILES

    def add_data_files(self, number: Mapping[str, int], modules: Sequence[index.Node]) -> None:
        """Data files and native libraries of all distributions, each with its nearest package, and their metadata.

        :param modules: by number.
        """
        names = list(number)
        imported = {
            names[edge].rpartition(".")[0]
            for name, module in zip(names, modules)
            for edge in module.edges
            if not name.startswith(names[edge].rpartition(".")[0] + ".")
        }
        for owner, distribution in enumerate(self.resolve.dists):
            natives_of = distributions.native_files(self.resolve.site, distribution)
            sources = (
                path
                for path in distributions.sources_as_data(distribution)
                if os.path.dirname(path).replace("/", ".") not in imported
            )
            for path in (*distributions.data_files(distribution), *sources, *natives_of):
                package = os.path.dirname(path).replace("/", ".")
                while package and package not in number:
                    package = package.rpartition(".")[0]
                if package:
                    kind = (
                        "binary"
                        if self._is_binary(os.path.join(self.resolve.site, path))
                        else "data"
                    )
                    dest = self.add(
                        path, os.path.join(self.resolve.site, path), kind, number[package]
                    )
                    self.files[dest].owner = owner
                    if self.files[dest].module < 0:
                        self.files[dest].module = number[package]
            for path in distribution.metadata_files:
                dest = self.add(path, os.path.join(self.resolve.site, path), "data")
                self.files[dest].owner = owner

    @staticmethod
    def _is_binary(path: str) -> bool:
        from PyInstaller.depend.bindepend import classify_binary_vs_data

        return bool(classify_binary_vs_data(path) == "BINARY")

    def add_sources_as_files(
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
            if not modes or item.kind not in ("module", "package"):
                continue
            mode = _get_module_collection_mode(modes, name)
            path = nodes[name].filename
            stem = name.replace(".", "/") + (
                "/__init__" if os.path.basename(path).startswith("__init__.") else ""
            )
            if _ModuleCollectionMode.PY in mode and path.endswith(".py"):
                item.files.append(self.add(stem + ".py", path, "data"))
            if _ModuleCollectionMode.PYC in mode:
                with open(path, "rb") as file:
                    code = compiled.compile_reproducibly(
                        file.read(), stem + ".py", self.request.optimize
                    )
                target = os.path.join(self.work, "pyc", stem + ".pyc")
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "wb") as out:
                    out.write(compiled.pyc(marshal.dumps(code)))
                item.files.append(self.add(stem + ".pyc", target, "data"))
            if _ModuleCollectionMode.PYZ not in mode:
                item.length = 0

    def add_base_library(
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
        self.add("base_library.zip", target, "data")

    def add_libraries(self, graph: Any, nodes: Mapping[str, Any]) -> str:
        """Python's own library, whose path is returned, and what all native libraries load, as PyInstaller finds it."""
        from PyInstaller.building import build_main
        from PyInstaller.depend import bindepend

        other = foreign.adopted()
        python_library: str = os.path.normpath(
            bindepend.get_python_library_path() if other is None else other.library_path
        )
        self.add(os.path.basename(python_library), python_library, "binary")
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
                self.add(dest, path, "binary")
        by_path = {natives.normalize_path(path): dest for dest, path in self.sources.items()}
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
                    for path in recorded.get(natives.normalize_path(self.sources[dest]), [])
                    if path in by_path
                }
                needs |= {link for need in needs for link in links.get(need, [])}
                item.needs = sorted(needs - {dest})
        return python_library

    def _needed_by_bootloader(self, bindepend: Any) -> set[str]:
        """Libraries that are wherever an executable starts, for its bootloader needs them (libz on Linux).

        In a bundle they would only come between: the dynamic linker would load them from the unpacked files before the
        bootloader can say that these cannot be used.
        """
        if sys.platform != "linux":
            return set()
        loader = pyinstaller.bootloader(
            os.path.join(self.request.tool, "PyInstaller"), windows=False
        )
        return {name for name, _ in bindepend.get_imports(loader)}

    def copy_all(self) -> dict[str, dict[str, Any]]:
        """Copy all files into the layer; returns the host's libraries among them."""
        host: dict[str, dict[str, Any]] = {}
        out = os.path.join(self.request.output, contract.LAYER_FILES)
        saved = 0
        for dest, item in sorted(self.files.items()):
            if item.kind == "symlink":
                continue
            source = self.sources[dest]
            target = os.path.join(out, *dest.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if item.kind == "binary":
                self._process_binary(source, target, dest)
                item.executable = True
                saved += os.path.getsize(source) - os.path.getsize(target)
            else:
                shutil.copyfile(source, target)
                item.executable = bool(os.stat(source).st_mode & stat.S_IXUSR)
                os.chmod(target, 0o755 if item.executable else 0o644)
            item.size = os.path.getsize(target)
            item.sha256 = sha256_of(target)
            real = os.path.realpath(source)
            if real.startswith(
                (
                    self.resolve.site + os.sep,
                    os.path.realpath(self.request.tool) + os.sep,
                    self.work,
                )
            ):
                item.origin = "lock"
            elif natives.interpreter_owns(source) or item.kind != "binary":
                item.origin = "interpreter"
            else:
                item.origin = "host"
                host[dest] = {"name": os.path.basename(dest), "sha256": sha256_of(real)}
            if item.owner < 0 and item.origin == "lock":
                item.owner = self.resolve.file_owner(source)
        packages = natives.host_packages([self.sources[dest] for dest in host])
        for dest, entry in host.items():
            entry["package"], entry["version"] = packages[self.sources[dest]]
        if self.request.strip:
            step(f"native libraries stripped: {saved / 1e6:.1f} MB less")
        return host

    def _process_binary(self, source: str, target: str, dest: str) -> None:
        if sys.platform == "linux":
            if self.request.strip:
                natives.strip_library(source, target, self.request.cache)
                return
            shutil.copyfile(source, target)
        elif foreign.adopted() is not None:
            bundled.write(source, target, dest, platform.machine())
        else:
            from PyInstaller.building.utils import process_collected_binary

            processed = process_collected_binary(
                source,
                dest.replace("/", os.sep),
                use_strip=self.request.strip and sys.platform == "darwin",
                target_arch=platform.machine() if sys.platform == "darwin" else None,
            )
            shutil.copyfile(processed, target)
        os.chmod(target, 0o755)

    def others(self) -> dict[str, int]:
        """Files of distributions that no selection has unless it names them; what an installer made up is not among
        them.
        """
        return {
            path: owner
            for owner, distribution in enumerate(self.resolve.dists)
            for path in distribution.files
            if path not in self.files
            and "/../" not in path
            and not (
                path.startswith(distribution.info + "/")
                and path.rpartition("/")[2] in distributions.INSTALLERS_FILES
            )
        }
