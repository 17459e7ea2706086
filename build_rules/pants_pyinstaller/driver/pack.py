"""What a one-file executable stores compressed, compressed once a layer: files, and the code of modules.

Most native files stay packed until the program needs them (``lazy``). Those, and the code of all modules, are unpacked
by the program, so they are Zstandard frames where the layer has its decompressor. All other files are unpacked by
PyInstaller's bootloader, which knows zlib alone.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import BinaryIO

from . import contract, cores, index
from .analysis import compiled
from .bundle import lazy, zstandard
from .bundle.contents import open_code
from .progress import step

LEVEL = 6
"""zlib level: 9 takes three times the CPU for 0.5 % of size, 1 a quarter for 10 % more (measured on a real resolve)."""

ZSTD_LEVEL = 9
"""On the 57 libraries of a real resolve, 93.8 MB: zlib 36.0 MB in 4.6 CPU s; zstd 3 34.7 MB in 0.4, 9 31.7 MB in 2.0,
12 31.3 MB in 4.5, 19 28.4 MB in 50."""

SMALLEST_BY_ZSTD = 1 << 20
"""Bytes of a file: a program with small libraries alone would gain less than the decompressor takes, 0.35 MB."""

DICTIONARY = 1_000_000
"""Bytes of the dictionary that module code is compressed with: 9,000 modules, 68.0 MB, take 26.9 MB by zlib, 20.6 MB
with 110 kB, 18.7 MB with a megabyte (which takes half a megabyte itself)."""

_PER_SAMPLE = 30
"""Bytes of code for one of the dictionary's: a dictionary must not be larger than what it saves."""


def run(request: contract.PackRequest) -> None:
    """Write PACK_BLOB and PACK_INDEX.

    PACK_INDEX holds ``files``: destination -> [offset, length, unpacked size] of the zlib stream, the decompressor's
    too; ``frames``: the same of large lazy files by Zstandard, which ``files`` lacks unless small programs may have
    them; ``modules``: number -> [offset, length] of the code by Zstandard; ``dictionary``: [offset, length, unpacked
    size] of what that takes. Without Zstandard ``frames`` and ``modules`` are empty and ``dictionary`` is None.
    """
    layer = index.read(request.layer)
    names = sorted(dest for dest, item in layer.files.items() if item.kind != "symlink")
    os.makedirs(request.output, exist_ok=True)
    files: dict[str, list[int]] = {}
    frames: dict[str, list[int]] = {}
    module, later = None, set()
    if layer.decompressor is not None:
        module = zstandard.load(request.layer, layer.decompressor)
        plan = lazy.plan(layer, layer.names, layer.files)
        later = {
            dest
            for wanted in plan.values()
            for dest in wanted
            if layer.files[dest].size >= SMALLEST_BY_ZSTD
        }
    jobs = [(dest, False) for dest in names if dest not in later or _is_common(layer.files[dest])]
    jobs += [(dest, True) for dest in sorted(later)]

    places = {dest: f"{contract.LAYER_FILES}/{dest}" for dest in names}
    if layer.decompressor is not None:
        places[layer.decompressor.file] = layer.decompressor.file
        jobs.append((layer.decompressor.file, False))

    sizes = {
        dest: os.path.getsize(os.path.join(request.layer, *path.split("/")))
        for dest, path in places.items()
    }

    def squeeze(job: tuple[str, bool]) -> bytes:
        dest, by_zstd = job
        with open(os.path.join(request.layer, *places[dest].split("/")), "rb") as file:
            content = file.read()
        if module is not None and by_zstd:
            compress: Callable[[bytes], bytes] = zstandard.Compressor(module, ZSTD_LEVEL)
            how = f"zstd{ZSTD_LEVEL} {layer.decompressor}"
        else:
            compress = _by_zlib
            how = f"packed{LEVEL}{zlib.ZLIB_RUNTIME_VERSION}"
        if len(content) < 1 << 14:
            return compress(content)
        key = hashlib.sha256(f"{how}\0".encode() + content).hexdigest()
        known = compiled.read_entry(request.cache, "packed", key)
        if known is None:
            known = compress(content)
            compiled.write_entry(request.cache, "packed", key, known)
        return known

    with (
        concurrent.futures.ThreadPoolExecutor(cores.count()) as pool,
        open(os.path.join(request.output, contract.PACK_BLOB), "wb") as blob,
    ):
        for (dest, by_zstd), data in zip(jobs, pool.map(squeeze, jobs)):
            place = [blob.tell(), len(data), sizes[dest]]
            (frames if by_zstd else files)[dest] = place
            blob.write(data)
        modules, dictionary = _pack_code(request.layer, layer, module, blob)
        total = blob.tell()
    with open(
        os.path.join(request.output, contract.PACK_INDEX), "w", encoding="utf-8", newline="\n"
    ) as out:
        made = {
            "schema": contract.SCHEMA,
            "files": files,
            "frames": frames,
            "modules": modules,
            "dictionary": dictionary,
        }
        json.dump(made, out, sort_keys=True, separators=(",", ":"))
    step(f"pack: {len(names)} files and {len(modules)} modules, {total / 1e6:.1f} MB")


def _by_zlib(content: bytes) -> bytes:
    return zlib.compress(content, LEVEL)


def _is_common(item: index.File) -> bool:
    """Whether small programs have the file, too, which are better off without the decompressor."""
    return item.origin != "lock"


def _pack_code(
    directory: str, layer: index.Index, module: ModuleType | None, blob: BinaryIO
) -> tuple[dict[int, list[int]], list[int] | None]:
    """Append the code of the layer's modules to ``blob``: ``modules`` and ``dictionary`` of PACK_INDEX."""
    if module is None:
        return {}, None
    code = open_code(directory)
    before = _imported_by_bootloader(layer)
    texts = {
        number: zlib.decompress(code[node.offset : node.offset + node.length])
        for number, node in enumerate(layer.nodes)
        if node.length and number not in before
    }
    size = min(DICTIONARY, sum(map(len, texts.values())) // _PER_SAMPLE)
    dictionary = zstandard.train(module, list(texts.values())[::2], size)
    if dictionary is None:
        return {}, None
    packed = zstandard.Compressor(module, ZSTD_LEVEL)(dictionary)
    place = [blob.tell(), len(packed), len(dictionary)]
    blob.write(packed)
    compress = zstandard.Compressor(module, ZSTD_LEVEL, dictionary)
    modules = {}
    for number, text in texts.items():
        data = compress(text)
        modules[number] = [blob.tell(), len(data)]
        blob.write(data)
    return modules, place


def _imported_by_bootloader(layer: index.Index) -> set[int]:
    """Modules that its code may import before the hook runs which knows Zstandard."""
    found: set[int] = set()
    waiting = [layer.number[name] for name in lazy.BEFORE_CODE if name in layer.number]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += layer.nodes[number].edges
    return found
