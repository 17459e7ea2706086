"""The one door to PyInstaller: makes it importable, and refuses a release that this code does not know.

PyInstaller is used as a library, with its own module graph, hooks, binary analysis and executable writer, and some
of the names that this uses are not documented. ``check_contract`` looks at each of them before anything is built.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import logging
import os
import sys
from collections.abc import Iterable, Sequence

from .. import contract
from ..errors import DriverError, listing
from . import foreign, interpreter

_USED: dict[str, tuple[str, ...]] = {
    "PyInstaller.depend.analysis": (
        "PyiModuleGraph._safe_import_hook",
        "PyiModuleGraph._analyze_base_modules",
        "PyiModuleGraph.process_post_graph_hooks",
        "PyiModuleGraph.add_script",
        "PyiModuleGraph.get_code_using",
        "PyiModuleGraph.metadata_required",
        "get_bootstrap_modules",
    ),
    "PyInstaller.lib.modulegraph.modulegraph": (
        "ModuleGraph._load_module",
        "ModuleGraph._scan_code",
        "ModuleGraph._process_imports",
        "ModuleGraph._find_module_path",
        "ModuleGraph.import_hook",
        "ModuleGraph.scan_legacy_namespace_packages",
        "DependencyInfo",
        "AliasNode",
        "MissingModule",
    ),
    "PyInstaller.depend.imphook": ("AdditionalFilesCache.datas", "AdditionalFilesCache.binaries"),
    "PyInstaller.depend.imphookapi": ("PostGraphAPI.co",),
    "PyInstaller.depend.bindepend": (
        "get_imports",
        "get_python_library_path",
        "classify_binary_vs_data",
        "binary_dependency_analysis",
    ),
    "PyInstaller.depend.utils": ("scan_code_for_ctypes",),
    "PyInstaller.depend.bytecode": ("recursive_function_calls", "any_alias"),
    "PyInstaller.building.build_main": (
        "discover_hook_directories",
        "find_binary_dependencies",
        "_get_module_collection_mode",
    ),
    "PyInstaller.building.utils": (
        "destination_name_for_extension",
        "format_binaries_and_datas",
        "process_collected_binary",
    ),
    "PyInstaller.building.api": ("EXE.assemble", "EXE._bootloader_file"),
    "PyInstaller.archive.writers": (
        "CArchiveWriter._serialize_toc",
        "CArchiveWriter._COOKIE_FORMAT",
        "CArchiveWriter._COOKIE_MAGIC_PATTERN",
        "ZlibArchiveWriter._PYZ_MAGIC_PATTERN",
    ),
}


def load(
    tool: str,
    site: str | None,
    work: str,
    roots: Sequence[str] = (),
    reference: str | None = None,
) -> str:
    """Put PyInstaller on sys.path and configure it; returns its version.

    sys.path becomes: the standard library, the source ``roots``, ``site``, ``tool``. So a hook sees the application's
    own ``packaging`` where it has one, and PyInstaller's dependencies are never taken for the application's (the
    graph's path does not hold them).

    :param reference: what child processes import instead of ``site``; see ``foreign``.
    :raises DriverError: no PyInstaller in ``tool``, or another release line than the supported one.
    """
    tool = os.path.realpath(tool)
    library = foreign.running_paths() or interpreter.library_paths()
    sys.path[:] = [*library, tool]
    try:
        version = importlib.metadata.version("pyinstaller")
    except importlib.metadata.PackageNotFoundError:
        raise DriverError(
            f"no PyInstaller in {tool}: the resolve of [pyinstaller] must hold "
            f"pyinstaller=={contract.PYINSTALLER_SUPPORTED}.*"
        ) from None
    if not version.startswith(contract.PYINSTALLER_SUPPORTED + "."):
        raise DriverError(
            f"PyInstaller {version} is not supported: the build relies on internals of "
            f"{contract.PYINSTALLER_SUPPORTED}.*\n"
            f"Lock pyinstaller=={contract.PYINSTALLER_SUPPORTED}.* in the resolve of [pyinstaller]."
        )
    os.environ["PYINSTALLER_CONFIG_DIR"] = os.path.abspath(work)
    os.environ.setdefault("PYI_LOG_LEVEL", "WARN")
    missing = _missing_names()
    if missing:
        raise DriverError(
            f"PyInstaller {version} lacks names that the build relies on:\n{listing(missing)}"
        )
    if site is not None:
        paths = [os.path.realpath(path) for path in (*roots, site)]
        sys.path[:] = [*library, *paths, *path_files(paths[-1]), tool]
        if foreign.adopted() is not None:
            foreign.search_with_suffixes(*interpreter.library_paths(), paths[-1])
        if reference is not None:
            foreign.answer_from(reference, site)
    configure(work, sys.path[len(library) : -1] if site is not None else [])
    return version


def configure(work: str, pathex: Iterable[str] = ()) -> None:
    """Fill PyInstaller's global configuration as its command line would.

    :param pathex: where the processes that hooks start find the packages that they ask about.
    """
    config = importlib.import_module("PyInstaller.config")
    work = os.path.abspath(work)
    for name in ("workpath", "cachedir"):
        os.makedirs(os.path.join(work, name), exist_ok=True)
    config.CONF.update(
        pathex=list(pathex),
        spec=os.path.join(work, "driver.spec"),
        specpath=work,
        specnm="driver",
        workpath=os.path.join(work, "workpath"),
        cachedir=os.path.join(work, "cachedir"),
        distpath=work,
        warnfile=os.path.join(work, "warnings.txt"),
        main_script=os.path.join(work, "entry.py"),
        code_cache={},
        hiddenimports=[],
        upx_available=False,
        upx_dir=None,
        noconfirm=True,
        ui_admin=False,
        ui_access=False,
    )
    logging.getLogger("PyInstaller").setLevel(logging.WARNING)


def _missing_names() -> list[str]:
    missing = []
    for module, names in _USED.items():
        loaded = importlib.import_module(module)
        for name in names:
            found: object = loaded
            for part in name.split("."):
                found = inspect.getattr_static(found, part, None)
            if found is None:
                missing.append(f"{module}.{name}")
    return missing


def path_files(site: str) -> list[str]:
    """Directories that ``.pth`` files of ``site`` add to sys.path (their code lines are not executed)."""
    found = []
    for entry in sorted(os.listdir(site)):
        if entry.endswith(".pth"):
            with open(os.path.join(site, entry), encoding="utf-8", errors="replace") as file:
                for line in file:
                    text = line.strip()
                    path = os.path.join(site, text)
                    if (
                        text
                        and not text.startswith(("#", "import ", "import\t"))
                        and os.path.isdir(path)
                    ):
                        found.append(path)
    return found


def bootloader(layer_path: str, windows: bool, console: bool = True) -> str:
    """Path of the plain bootloader in the layer."""
    root = os.path.join(layer_path, "bootloader")
    file = "run" + ("" if console or not windows else "w") + (".exe" if windows else "")
    for folder in sorted(os.listdir(root)):
        path = os.path.join(root, folder, file)
        if os.path.isfile(path):
            return path
    raise DriverError(f"PyInstaller's wheel for this platform has no bootloader {file!r} ({root})")
