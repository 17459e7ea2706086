"""A binary put together from its layers: the archive's parts, and the directory of its files."""

from __future__ import annotations

import dataclasses
import mmap
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .. import contract, index, outputs
from ..analysis import selection
from ..outputs import Additions, App, Proved, Selection


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
    chosen: Selection
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

    def add_own(self, additions: Additions) -> None:
        """Add sources of the application as files."""
        for dest, path in additions.own_files.items():
            if dest not in self.app.files:
                self.app.files[dest] = False
                self.own_places[dest] = path
        for module in self.app.modules:
            module.pyz = module.pyz and module.name not in additions.unpacked

    def refine(self, additions: Additions, dynamic: Mapping[str, Iterable[str]]) -> None:
        """Add what runs showed to be missing, with all that it needs in turn; see ``selection.select``."""
        self.layer.adopt(sorted(additions.files), self.site)
        self.add_own(additions)
        wanted = self.app.wanted
        wanted = dataclasses.replace(
            wanted,
            modules=wanted.modules.union(self.chosen.modules, additions.modules),
            files=wanted.files.union(self.chosen.files, additions.files),
        )
        self.chosen = selection.select(self.layer, wanted, dynamic)


def load_layers(
    layer_path: str,
    app_path: str,
    site: str | None = None,
    check: Proved | None = None,
    exercise: Proved | None = None,
) -> Layers:
    """Open layer and application, with what the proof added to the selection.

    :param site: the directory that the layer was made of; needed where the selection names one of ``Index.others``.
    """
    with open(os.path.join(app_path, contract.APP_MODULES), "rb") as file:
        own_code = file.read()
    app = outputs.read_app(app_path)
    proved = exercise or check
    made = Layers(
        layer_path=layer_path,
        app_path=app_path,
        layer=index.read(layer_path),
        app=app,
        code=open_code(layer_path),
        own_code=own_code,
        chosen=proved.selection if proved else app.selection,
        site=site,
    )
    made.layer.adopt(made.chosen.files, site)
    if check is not None:
        made.add_own(check.additions)
    return made


def open_code(layer_path: str) -> mmap.mmap:
    """LAYER_MODULES, mapped."""
    with open(os.path.join(layer_path, contract.LAYER_MODULES), "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
