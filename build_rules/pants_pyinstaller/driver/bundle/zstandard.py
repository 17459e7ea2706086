"""Zstandard for one-file executables: smaller than zlib, and twice as fast to unpack.

The interpreter has it from 3.14 on. Before that, the extension module of ``backports.zstd``, which is installed beside
PyInstaller, goes into the bundle: out of the program's sight, for no import finds it. It is both the compressor of the
build and the decompressor of the program. Without it everything is compressed by zlib.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import sys
from types import ModuleType

from ..analysis import distributions, interpreter, natives
from ..index import Decompressor

FOLDER = "pyi-zstd"
"""Directory in the layer and in the bundle; no package can have its name."""

MAGIC = b"\x28\xb5\x2f\xfd"
"""The beginning of a frame."""

PROJECT = "backports-zstd"
_LICENSE = "PSF-2.0 AND BSD-3-Clause"
"""Its metadata state the licence of the binding alone; the wheel holds the text of zstd's too, which it contains."""
_MODULE = os.path.join("backports", "zstd", "_zstd")


def install(tool: str, layer: str, strip: bool, cache: str | None) -> Decompressor | None:
    """Copy the extension module from the directory ``tool`` into ``layer``; None where there is none."""
    for item in distributions.read_distributions(os.path.realpath(tool)):
        if item.key == PROJECT:
            break
    else:
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        source = os.path.join(tool, _MODULE + suffix)
        if os.path.isfile(source):
            file = f"{FOLDER}/{os.path.basename(source)}"
            target = os.path.join(layer, *file.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if strip and sys.platform == "linux":
                natives.strip_library(source, target, cache)
            else:
                shutil.copyfile(source, target)
            digest = interpreter.sha256_of(target)
            return Decompressor(file, digest, item.name, item.version, _LICENSE)
    return None


def load(layer: str, decompressor: Decompressor) -> ModuleType:
    """The extension module in the layer."""
    path = os.path.abspath(os.path.join(layer, *decompressor.file.split("/")))
    spec = importlib.util.spec_from_file_location("_zstd", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Compressor:
    """Compresses by a module that ``load`` gave.

    :param level: zstd's, 1 to 22.
    :param dictionary: as ``train`` gives it.
    """

    def __init__(self, module: ModuleType, level: int, dictionary: bytes | None = None) -> None:
        options = {
            module.ZSTD_c_compressionLevel: level,
            module.ZSTD_c_contentSizeFlag: 1,
            module.ZSTD_c_checksumFlag: 0,
            module.ZSTD_c_dictIDFlag: 0,
        }
        trained = None if dictionary is None else module.ZstdDict(dictionary)
        digested = None if trained is None else trained.as_digested_dict
        self._made = module.ZstdCompressor(options=options, zstd_dict=digested)
        self._whole = module.ZstdCompressor.FLUSH_FRAME

    def __call__(self, content: bytes | memoryview) -> bytes:
        """One frame."""
        self._made.set_pledged_input_size(len(content))
        data: bytes = self._made.compress(content, self._whole)
        return data


def train(module: ModuleType, samples: list[bytes], size: int) -> bytes | None:
    """A dictionary of at most ``size`` bytes; None when the samples are too few for one."""
    try:
        content: bytes = module.train_dict(
            b"".join(samples), tuple(len(sample) for sample in samples), size
        )
    except module.ZstdError:
        return None
    return content
