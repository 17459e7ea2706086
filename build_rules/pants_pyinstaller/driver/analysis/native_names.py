"""Modules of its own package that an extension module names: compiled code imports, too, and nothing else shows it."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable

_LONGEST = 200
"""Bytes of a dotted name at most."""

_NAME = re.compile(rb"[\w.]*", re.ASCII)


def find(path: str, package: str, exists: Callable[[str], bool]) -> set[str]:
    """Names below the top-level ``package`` in the file ``path`` for which ``exists`` holds.

    C ends a string with a zero. Rust puts one after the other, so what begins with a name may go on as anything, of
    which the longest name counts. A name in a sentence, which is text for people, stands between spaces or marks.
    """
    start = re.compile(
        rb"(?<![ -/:-@\[-^`{|~])" + re.escape(package.encode()) + rb"\.(?=[A-Za-z_])"
    )
    found: set[str] = set()
    if not os.path.getsize(path):
        return found
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        for match in start.finditer(content):
            text = _NAME.match(content[match.start() : match.start() + _LONGEST])
            assert text is not None
            for end in range(text.end(), len(package) + 1, -1):
                name = text[0][:end].decode()
                if exists(name):
                    after = content[match.start() + end : match.start() + end + 1]
                    if not after or after not in b" .=`'\"():":
                        found.add(name)
                    break
    return found
