"""The layer's files compressed once, as a one-file executable stores them."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import zlib

from . import contract, cores, index
from .analysis import compiled
from .progress import step

LEVEL = 6
"""zlib level: 9 takes three times the CPU for 0.5 % of size, 1 a quarter for 10 % more (measured on a real resolve)."""


def run(request: contract.PackRequest) -> None:
    """Write PACK_BLOB and PACK_INDEX (destination -> [offset, length, unpacked size])."""
    layer = index.read(request.layer)
    names = sorted(dest for dest, item in layer.files.items() if item.kind != "symlink")
    os.makedirs(request.output, exist_ok=True)
    table: dict[str, list[int]] = {}

    def squeeze(dest: str) -> bytes:
        with open(
            os.path.join(request.layer, contract.LAYER_FILES, *dest.split("/")), "rb"
        ) as file:
            content = file.read()
        if len(content) < 1 << 14:
            return zlib.compress(content, LEVEL)
        key = hashlib.sha256(
            f"packed{LEVEL}{zlib.ZLIB_RUNTIME_VERSION}\0".encode() + content
        ).hexdigest()
        known = compiled.read_entry(request.cache, "packed", key)
        if known is None:
            known = zlib.compress(content, LEVEL)
            compiled.write_entry(request.cache, "packed", key, known)
        return known

    with (
        concurrent.futures.ThreadPoolExecutor(cores.count()) as pool,
        open(os.path.join(request.output, contract.PACK_BLOB), "wb") as blob,
    ):
        for dest, data in zip(names, pool.map(squeeze, names)):
            table[dest] = [blob.tell(), len(data), layer.files[dest].size]
            blob.write(data)
        total = blob.tell()
    with open(
        os.path.join(request.output, contract.PACK_INDEX), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(
            {"schema": contract.SCHEMA, "files": table}, out, sort_keys=True, separators=(",", ":")
        )
    step(
        f"pack: {len(names)} files, {sum(row[2] for row in table.values()) / 1e6:.1f} -> {total / 1e6:.1f} MB"
    )
