"""LAYER_MODULES: the code of all modules and scripts, one after the other."""

from __future__ import annotations

import marshal
import os
import zlib
from typing import Any, BinaryIO

from .. import index
from . import compiled
from .resolve import Analysis, Resolve, kind_of


class CodeWriter:
    """Writes code to ``blob`` and records where it lies.

    :param optimize: level of bytecode optimisation.
    """

    def __init__(self, resolve: Resolve, analysis: Analysis, optimize: int, blob: BinaryIO) -> None:
        self.resolve, self.analysis, self.optimize, self.blob = resolve, analysis, optimize, blob
        self._module_owner = {
            path: owner for found in resolve.universe.values() for path, owner in found
        }

    def node(self, node: Any, edges: list[int]) -> index.Node:
        """Write a module's code; returns its node of the index."""
        kind = kind_of(node)
        path: str = getattr(node, "filename", None) or ""
        source = self.resolve.relative(path)
        in_site = path.startswith(self.resolve.site + os.sep)
        made = index.Node(
            kind, edges, self._module_owner.get(source, -1) if in_site else -1, source=source
        )
        if kind in ("module", "package"):
            module = self.analysis.modules.get(path)
            data = module.blob if module else self._compile_other(node)
            if data is None:
                made.kind = "missing"
            else:
                made.offset, made.length = self.blob.tell(), len(data)
                self.blob.write(data)
        return made

    def _compile_other(self, node: Any) -> bytes | None:
        """Code of a module that is in no pack (a compiled-only module, a file of tests that something imports)."""
        path = node.filename
        if path.endswith(".pyc"):
            with open(path, "rb") as file:
                code = marshal.loads(file.read()[16:])
        elif os.path.isfile(path):
            with open(path, "rb") as file:
                code, _ = compiled.compile_module(
                    file.read(),
                    self.resolve.relative(path) or os.path.basename(path),
                    self.optimize,
                )
        else:
            return None
        return None if code is None else zlib.compress(marshal.dumps(code), compiled.PYZ_LEVEL)

    def script(self, name: str, kind: str, path: str, edges: list[int]) -> index.Script:
        """Write the code of a script of PyInstaller's; see ``index.Script``."""
        with open(path, "rb") as file:
            code = compiled.compile_reproducibly(file.read(), name + ".py")
        data = marshal.dumps(code)
        offset = self.blob.tell()
        self.blob.write(data)
        return index.Script(name, kind, offset, len(data), edges)
