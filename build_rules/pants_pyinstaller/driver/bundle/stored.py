"""What a one-file executable stores, and whether as Zstandard or as zlib."""

from __future__ import annotations

import itertools
import json
import mmap
import os

from .. import contract
from ..errors import DriverError
from . import lazy
from .contents import Layers


class Stored:
    """The streams of ``pack`` for one selection.

    :param pack: output directory of ``pack``.
    :raises DriverError: none is given.

    Attributes: ``plan``, see ``lazy.plan``; ``lazy``, the files in it, sorted; ``code``, number of a module -> its
    code as a frame, empty where zlib's is smaller than frames, dictionary and decompressor together;
    ``dictionary``, of the code; ``reads_zstd``, whether any stream is a frame.
    """

    def __init__(self, layers: Layers, pack: str | None) -> None:
        if pack is None:
            raise DriverError("a one-file executable needs the layer's packed files")
        with open(os.path.join(pack, contract.PACK_INDEX), encoding="utf-8") as file:
            found = json.load(file)
        with open(os.path.join(pack, contract.PACK_BLOB), "rb") as blob:
            self._blob = memoryview(mmap.mmap(blob.fileno(), 0, access=mmap.ACCESS_READ))
        self._files: dict[str, list[int]] = found["files"]
        self._frames: dict[str, list[int]] = found["frames"]
        self.plan = lazy.plan(layers.layer, layers.chosen.modules, layers.chosen.files)
        self.lazy = sorted({*itertools.chain(*self.plan.values())})
        self._lengths = [node.length for node in layers.layer.nodes]
        numbers = [layers.layer.number[name] for name in layers.chosen.modules]
        modules = {number: found["modules"].get(str(number)) for number in numbers}
        saved = sum(self._lengths[number] - row[1] for number, row in modules.items() if row)
        self.reads_zstd = any(
            dest in self._frames and dest not in self._files for dest in self.lazy
        )
        self.code: dict[int, memoryview] = {}
        self.dictionary: tuple[memoryview, int] | None = None
        if found["dictionary"] is not None and saved > found["dictionary"][1] + (
            0 if self.reads_zstd else len(self.decompressor(layers))
        ):
            self.code = {number: self._slice(row) for number, row in modules.items() if row}
            self.dictionary = self._slice(found["dictionary"]), found["dictionary"][2]
            self.reads_zstd = True

    def _slice(self, row: list[int]) -> memoryview:
        return self._blob[row[0] : row[0] + row[1]]

    def decompressor(self, layers: Layers) -> memoryview:
        """The zlib stream of the decompressor, which the layer must have."""
        assert layers.layer.decompressor is not None
        return self._slice(self._files[layers.layer.decompressor.file])

    def frame_or_zlib(self, dest: str) -> memoryview:
        """The stream of a file in ``lazy``."""
        if dest in self._frames and (self.reads_zstd or dest not in self._files):
            return self._slice(self._frames[dest])
        return self._slice(self._files[dest])

    def zlib(self, dest: str) -> memoryview | None:
        """The zlib stream of a file; None where ``pack`` expected it in ``lazy``."""
        return self._slice(self._files[dest]) if dest in self._files else None

    def size(self, dest: str) -> int:
        """Bytes of a file once unpacked."""
        return (self._files.get(dest) or self._frames[dest])[2]

    def length(self, dest: str) -> int:
        """Bytes of a file as stored, in ``lazy`` or not."""
        stream = self.zlib(dest)
        return len(self.frame_or_zlib(dest) if dest in self.lazy or stream is None else stream)

    def code_length(self, number: int) -> int:
        """Bytes of a module's code as stored."""
        return len(self.code[number]) if number in self.code else self._lengths[number]
