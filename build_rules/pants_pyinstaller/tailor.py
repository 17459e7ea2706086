"""`pants tailor` proposes a `pyinstaller_binary` for each program, where `[pyinstaller].tailor` is on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.tailor import PutativeTarget, PutativeTargets, PutativeTargetsRequest
from pants.engine.fs import DigestContents, PathGlobs
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.target import AllTargets, Target
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.target_types import PyInstallerBinary, PyInstallerEntryPointField

_GUARD = re.compile(r"""^if __name__ *== *["']__main__["'] *:""", re.MULTILINE)
_FUNCTION = re.compile(r"^def main\( *\)", re.MULTILINE)


@dataclass(frozen=True)
class PutativeBinariesRequest(PutativeTargetsRequest):
    pass


def entry_point(path: str, text: str) -> str | None:
    """The `entry_point` of the program in a file, from the file's own folder; None where it is none."""
    name = posixpath.basename(path)
    if name == "__main__.py" or _GUARD.search(text):
        return name
    return f"{name}:main" if _FUNCTION.search(text) else None


def is_packaged(path: str, targets: Iterable[Target]) -> bool:
    """Whether one of the `pyinstaller_binary` targets starts the file already."""
    for target in targets:
        if not target.has_field(PyInstallerEntryPointField):
            continue
        value = target[PyInstallerEntryPointField].value
        assert value is not None, "the field is required"
        module = value.module
        if module.endswith(".py"):
            if path == posixpath.join(target.address.spec_path, module):
                return True
        elif f"/{path}".endswith(f"/{module.replace('.', '/')}.py"):
            return True
    return False


@rule(level=LogLevel.DEBUG, desc="Determine candidate pyinstaller_binary targets")
async def find_putative_binaries(
    request: PutativeBinariesRequest, pyinstaller: PyInstaller, targets: AllTargets
) -> PutativeTargets:
    if not pyinstaller.tailor:
        return PutativeTargets()
    found = []
    for file in await Get(DigestContents, PathGlobs, request.path_globs("*.py")):
        start = entry_point(file.path, file.content.decode("utf-8", "replace"))
        if start is None or is_packaged(file.path, targets):
            continue
        folder, name = posixpath.split(file.path)
        if name.endswith("_test.py") or name.startswith("test_"):
            continue
        found.append(
            PutativeTarget.for_target_type(
                PyInstallerBinary,
                path=folder,
                name=f"{posixpath.splitext(name)[0].strip('_')}-executable",
                triggering_sources=(),
                kwargs={"entry_point": start},
            )
        )
    return PutativeTargets(found)


def rules() -> Iterable[Rule | UnionRule]:
    return [*collect_rules(), UnionRule(PutativeTargetsRequest, PutativeBinariesRequest)]
