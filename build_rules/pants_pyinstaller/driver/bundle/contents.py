"""A binary put together from its layers: the archive's parts, and the directory of its files."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .. import contract, index, outputs
from ..analysis import selection
from ..outputs import App, Wanted


@dataclass
class Layers:
    """The inputs of a bundle, opened.

    :param code, own_code: LAYER_MODULES and APP_MODULES.
    :param own_places: files of the application that a proof added -> where their contents lie.
    """

    layer_path: str
    app_path: str
    layer: index.Index
    app: App
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


def load_layers(
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
    app = outputs.read_app(app_path)
    added = {dest: path for dest, path in (own_files or {}).items() if dest not in app.files}
    app.files.update(dict.fromkeys(added, False))
    gone = set(unpacked)
    for module in app.modules:
        module.pyz = module.pyz and module.name not in gone
    asked = app.request
    asked = Wanted(
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
