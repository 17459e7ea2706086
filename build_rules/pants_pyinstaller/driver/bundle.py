"""A binary put together from its layers: the archive's parts, and the directory of its files."""

from __future__ import annotations

import marshal
import mmap
import os
import shutil
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from . import app as app_module
from . import archive, compiled, contract, entries, index, runtime, selection
from .errors import DriverError


@dataclass
class Layers:
    """The inputs of a bundle, opened.

    :param code, own_code: LAYER_MODULES and APP_MODULES.
    :param own_places: files of the application that a proof added -> where their contents lie.
    """

    layer_path: str
    app_path: str
    layer: index.Index
    app: app_module.App
    code: mmap.mmap
    own_code: bytes
    chosen: selection.Selection
    site: str | None = None
    own_places: dict[str, str] = field(default_factory=dict)

    def own_path(self, dest: str) -> str:
        """Where the content of one of the application's files lies."""
        return self.own_places.get(dest) or os.path.join(
            self.app_path, contract.APP_FILES, *dest.split("/")
        )

    def path_of(self, dest: str) -> str:
        """Where the content of a file of the layer lies."""
        if self.site is not None and dest in self.layer.others:
            return os.path.join(self.site, *dest.split("/"))
        return os.path.join(self.layer_path, contract.LAYER_FILES, *dest.split("/"))

    def script(self, item: index.Script) -> bytes:
        """Marshalled code of a layer's script."""
        return self.code[item.offset : item.offset + item.length]

    def own_script(self, name: str) -> bytes:
        """Marshalled code of one of the application's scripts."""
        offset, length = self.app.scripts[name]
        return self.own_code[offset : offset + length]


def load(
    layer_path: str,
    app_path: str,
    dynamic: Mapping[str, Iterable[str]],
    extra_modules: Iterable[str] = (),
    extra_files: Iterable[str] = (),
    site: str | None = None,
    own_files: Mapping[str, str] | None = None,
    unpacked: Iterable[str] = (),
) -> Layers:
    """Open layer and application, with what a check found at run time added to the selection.

    :param own_files: sources of the application that are needed as files: destination -> path.
    :param unpacked: modules of the application that are sources alone, for the import hook that loads them.
    :param site: the directory that the layer was made of; needed where ``extra_files`` names one of ``Index.others``.
    """
    layer = index.read(layer_path)
    extra_files = list(extra_files)
    layer.adopt(extra_files, site)
    app = app_module.read(app_path)
    added = {dest: path for dest, path in (own_files or {}).items() if dest not in app.files}
    app.files.update(dict.fromkeys(added, False))
    gone = set(unpacked)
    for module in app.modules:
        module.pyz = module.pyz and module.name not in gone
    asked = app.request
    asked = selection.Wanted(
        modules=asked.modules | frozenset(extra_modules),
        files=asked.files | frozenset(extra_files),
        collect=asked.collect,
        excludes=asked.excludes,
        shadowed=asked.shadowed,
    )
    with open(os.path.join(app_path, contract.APP_MODULES), "rb") as file:
        own_code = file.read()
    return Layers(
        layer_path=layer_path,
        app_path=app_path,
        layer=layer,
        app=app,
        code=open_code(layer_path),
        own_code=own_code,
        chosen=selection.select(layer, asked, dynamic),
        site=site,
        own_places=added,
    )


def open_code(layer_path: str) -> mmap.mmap:
    """LAYER_MODULES, mapped."""
    with open(os.path.join(layer_path, contract.LAYER_MODULES), "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def pyz(layers: Layers, extra: Iterable[archive.PyzEntry] = ()) -> bytes:
    """The PYZ archive of the selection and the first-party modules (which win over equal names)."""
    found: dict[str, archive.PyzEntry] = {}
    base = {layers.layer.names[number] for number in layers.layer.base}
    for name in layers.chosen.modules:
        node = layers.layer.nodes[layers.layer.number[name]]
        if (
            node.kind in archive.PYZ_KINDS
            and name not in base
            and (node.length or node.kind == "namespace")
        ):
            blob = layers.code[node.offset : node.offset + node.length]
            found[name] = archive.PyzEntry(name, archive.PYZ_KINDS[node.kind], blob)
    for own in layers.app.modules:
        if (
            own.pyz
            and own.kind in archive.PYZ_KINDS
            and not (own.kind == "namespace" and own.name in found)
        ):
            blob = layers.own_code[own.offset : own.offset + own.length]
            found[own.name] = archive.PyzEntry(own.name, archive.PYZ_KINDS[own.kind], blob)
    if layers.app.entry.script:  # for the children of multiprocessing
        blob = zlib.compress(layers.own_script("entry"), compiled.PYZ_LEVEL)
        found["__mp_main__"] = archive.PyzEntry("__mp_main__", archive.PYZ_MODULE, blob)
    for entry in extra:
        found[entry.name] = entry
    return archive.pyz(found.values())


def head_parts(
    layers: Layers,
    options: Iterable[str],
    pyz_data: bytes,
    one_file: bool,
    entry: Sequence[archive.Part] = (),
    packed: runtime.Packed | None = None,
    first: Iterable[archive.Part] = (),
) -> list[archive.Part]:
    """Everything that the executable holds in both modes, in PyInstaller's order.

    :param options: OPTION entries of the bootloader, in order.
    :param entry: replaces the application's ``entry_parts`` (for a proof).
    :param packed: native files that stay packed.
    :param first: scripts that run before the first runtime hook (for a proof).
    """
    layer, app = layers.layer, layers.app
    parts = [archive.plain(option, "o", b"") for option in options]
    for item in layer.bootstrap:
        parts.append(archive.packed(item.name, item.kind, layers.script(item)))
    parts += first
    parts.append(_script("pyi_rth_runtime", runtime.hook(layer.python, one_file, packed)))
    for name in app.hooks:
        parts.append(archive.packed(name, "s", layers.own_script(name)))
    for name in layers.chosen.rthooks:
        parts.append(archive.packed(name, "s", layers.script(layer.scripts[name])))
    parts += entry or entry_parts(app.entry, layers.own_script("entry"))
    parts.append(archive.plain("PYZ.pyz", "z", pyz_data))
    return parts


def entry_parts(entry: entries.Entry, code: bytes) -> list[archive.Part]:
    """The entry script, whose marshalled code is ``code``, and the script that prepares ``__main__`` for it."""
    start = runtime.start(entry.file, entry.module, entry.script)
    return [_script("pyi_start", start), archive.packed(entry.name, "s", code)]


def _script(name: str, text: str) -> archive.Part:
    return archive.packed(name, "s", marshal.dumps(compiled.compile_alike(text, name + ".py")))


def options(
    python_options: Iterable[str],
    *,
    optimize: int = 0,
    contents: str = contract.CONTENTS,
    runtime_tmpdir: str | None = None,
) -> list[str]:
    """OPTION entries: the interpreter's flags and the bootloader's own.

    :param optimize: the level that the bundle's code was compiled with; the interpreter gets the same.
    :raises DriverError: an option that PyInstaller's bootloader does not know.
    """
    found = [f"pyi-runtime-tmpdir {runtime_tmpdir}"] if runtime_tmpdir is not None else []
    found.append(f"pyi-contents-directory {contents}")
    for option in python_options:
        if not contract.PYTHON_OPTION.fullmatch(option):
            raise DriverError(
                f"python_options: {option!r} is none of u, v, 'W <filter>', 'X <key>[=<value>]', hash_seed=<n>"
            )
        found.append(option)
    return found + ["O"] * optimize


def make_folders(layers: Layers, directory: str) -> None:
    """Make the directories that modules of the PYZ say they lie in: code looks for files beside its caller's."""
    kinds = {item.name: item.kind for item in layers.app.modules}
    for name in layers.chosen.modules:
        kinds.setdefault(name, layers.layer.nodes[layers.layer.number[name]].kind)
    folders = {
        name if kind != "module" else name.rpartition(".")[0]
        for name, kind in kinds.items()
        if kind in archive.PYZ_KINDS
    }
    for folder in folders:
        os.makedirs(os.path.join(directory, *folder.split(".")), exist_ok=True)


def stage(layers: Layers, directory: str) -> None:
    """Make a one-dir bundle's files below ``directory`` without copying: hard links, else copies.

    Hard links rather than symbolic ones: a program that resolves the path of its own file must not arrive in the layer,
    where files are that the bundle lacks.
    """
    make_folders(layers, directory)
    made: set[str] = set()
    for dest in layers.chosen.files:
        item = layers.layer.files[dest]
        target = os.path.join(directory, *dest.split("/"))
        _parent(target, made)
        if item.kind == "symlink":
            os.symlink(item.target, target)
        else:
            link(layers.path_of(dest), target)
    for dest in layers.app.files:
        target = os.path.join(directory, *dest.split("/"))
        _parent(target, made)
        if os.path.lexists(target):
            os.unlink(target)
        link(layers.own_path(dest), target)


def _parent(path: str, made: set[str]) -> None:
    folder = os.path.dirname(path)
    if folder not in made:
        os.makedirs(folder, exist_ok=True)
        made.add(folder)


def link(source: str, target: str) -> None:
    """A hard link to ``source``, or a copy where the file system refuses one.

    Always a copy on Windows, where no name of a read-only file can be removed, and inputs are read-only.
    """
    if os.name == "nt":
        shutil.copyfile(source, target)
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


def bootloader(layer_path: str, windows: bool, console: bool = True) -> str:
    """Path of the plain bootloader in the layer."""
    root = os.path.join(layer_path, "bootloader")
    file = "run" + ("" if console or not windows else "w") + (".exe" if windows else "")
    for folder in sorted(os.listdir(root)):
        path = os.path.join(root, folder, file)
        if os.path.isfile(path):
            return path
    raise DriverError(f"PyInstaller's wheel for this platform has no bootloader {file!r} ({root})")
