"""Symbolic links among the application's files, which stay links where what they lead to is in the bundle as well."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def find(files: Mapping[str, str]) -> dict[str, str]:
    """The links among ``files``: destination -> target, relative to the directory of the link.

    A link stays one if it leads, from its place in the bundle, to the file that it leads to at its source; links on
    the way that the bundle lacks are passed over. Any other becomes a copy: its target lies elsewhere, or nowhere.
    There are none on Windows, where making a link takes a privilege.

    :param files: destination -> path.
    """
    if sys.platform == "win32":
        return {}
    found = {}
    for dest, path in files.items():
        if os.path.islink(path) and os.path.isfile(path):
            target = _target(dest, path, files)
            if target is not None:
                found[dest] = os.path.relpath(target, os.path.dirname(dest) or ".")
    return dict(sorted(found.items()))


def _target(dest: str, path: str, files: Mapping[str, str]) -> str | None:
    seen = set()
    while os.path.islink(path) and path not in seen:
        seen.add(path)
        step = os.readlink(path)
        if os.path.isabs(step):
            return None
        path = os.path.normpath(os.path.join(os.path.dirname(path), step))
        dest = os.path.normpath(os.path.join(os.path.dirname(dest), step))
        if dest.split("/")[0] == "..":
            return None
        if dest in files:
            return dest if os.path.realpath(files[dest]) == os.path.realpath(path) else None
    return None
