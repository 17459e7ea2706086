"""The script that an executable runs: what ``entry_point`` stands for."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import DriverError
from ..outputs import Entry
from . import first_party, selection

_NAME = re.compile(r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")


@dataclass(frozen=True)
class Found:
    """An entry with its marshalled code, and the source to look for imports in where it is not a module."""

    entry: Entry
    code: bytes
    source: first_party.Source | None = None


def find(
    entry_point: str,
    sources: Mapping[str, first_party.Source],
    roots: Sequence[str],
    optimize: int = 0,
) -> Found:
    """The entry script of ``entry_point`` (see ``contract.AppRequest``).

    A module's own code is the script, so that ``__main__`` is what it is with ``python -m``. It stays
    importable under its own name, by which the children of multiprocessing import it.

    :raises DriverError: no such module, function or file.
    """
    if entry_point.endswith(".py") or "/" in entry_point:
        return _script(entry_point, roots, optimize)
    module, colon, function = entry_point.partition(":")
    if not _NAME.match(module) or (colon and not _NAME.match(function)):
        raise DriverError(
            f"entry_point: {entry_point!r} is neither package.module, "
            "package.module:function nor the path of a file"
        )
    target = sources.get(module)
    if target is None or target.kind == "namespace":
        raise DriverError(
            f"entry_point: the sources hold no module {module}{selection.close_matches(module, sources)}\n"
            "Name a module below a source root, and have its target among the dependencies."
        )
    if target.kind == "package" and not colon:
        module += ".__main__"
        if module not in sources:
            raise DriverError(
                f"entry_point: {target.name} is a package without __main__.py: name one of its modules"
            )
        target = sources[module]
    parts = module.split(".")
    name = parts[-2] if parts[-1] == "__main__" and len(parts) > 1 else parts[-1]
    if not colon:
        if target.kind != "module":
            raise DriverError(f"entry_point: {module} is not Python source, so it cannot be run")
        return Found(Entry(name, target.dest, module), zlib.decompress(target.blob))
    head = function.split(".")[0]
    attributes = target.scan.attributes
    if head not in attributes and not any(item.star for item in target.scan.imports):
        raise DriverError(
            f"entry_point: {module} defines no {head!r}{selection.close_matches(head, attributes)}"
        )
    text = f"import sys\nfrom {module} import {head}\nsys.exit({function}())\n"
    code, source = first_party.compile_script(text.encode(), f"{name}.py", name, optimize)
    return Found(Entry(name, f"{name}.py", called=module, function=head), code, source)


def _script(entry_point: str, roots: Sequence[str], optimize: int) -> Found:
    for root in roots:
        dest = entry_point[len(root) + 1 :] if entry_point.startswith(root + "/") else entry_point
        path = os.path.join(root, dest)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                code, source = first_party.compile_script(file.read(), dest, path, optimize)
            name = os.path.splitext(os.path.basename(dest))[0]
            return Found(Entry(name, dest, script=True), code, source)
    raise DriverError(f"entry_point: no file {entry_point} in the sources ({', '.join(roots)})")
