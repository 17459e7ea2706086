"""A file cut into chunks at places that its content determines: similar files share all but a few chunks.

Caches keep files by their content. An executable of 70 MB in which one module differs is another file, but all
other chunks of it are there already.
"""

from __future__ import annotations

import mmap
import os
import re

_END = re.compile(rb"\x5a\xa5[\x00-\x3f]", re.DOTALL)
"""The end of a chunk: in compressed data it comes every 256 KiB on average, wherever the data lies in the file."""


def cut(path: str, directory: str) -> int:
    """Write the chunks of the file ``path`` into ``directory``, which is made; returns their number.

    Their names sort in the file's order.
    """
    os.makedirs(directory)
    size = os.path.getsize(path)
    number = 0
    with open(path, "rb") as file:
        if not size:
            return number  # nothing can't be mapped
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = 0
            ends = [match.end() for match in _END.finditer(content)]
            for end in [*ends, size]:
                if end > start:
                    with open(os.path.join(directory, f"{number:06}"), "wb") as chunk:
                        chunk.write(content[start:end])
                    number += 1
                    start = end
    return number
