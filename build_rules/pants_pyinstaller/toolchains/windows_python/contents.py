"""What goes into the assembled Python and where: decisions, without a file touched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

LEFT_OUT: Mapping[str, str] = {
    "_tkinter": "its Tcl library is not among the wheel's files",
    "_wmi": "ends the process under Wine 8; `platform` does without it",
    "winsound": "plays sounds: nothing for a machine without a desktop",
}
"""Extension modules that the assembled Python lacks, with the reason."""

SKIPPED_FOLDERS = frozenset(
    {
        *("__pycache__", "site-packages", "dist-packages", "lib-dynload"),
        *("ensurepip", "idlelib", "test", "tests", "tkinter", "turtledemo"),
    }
)
"""Folders of a native standard library that are of no use on Windows, or in an executable at all."""

_SKIPPED_FILES = re.compile(r"_sysconfigdata_.*\.py|.*\.(so|a|pyc)|turtle\.py")
_SKIPPED_ROOTS = re.compile(r"config-\d.*")
_FREE_THREADED = re.compile(r"\.cp\d+t-")
_RUNTIME = re.compile(r"(vcruntime|msvcp|concrt)\d+(_\w+)?\.dll")
_LIBRARY = re.compile(r"python3\d+\.dll")


def python_library(names: Iterable[str]) -> str | None:
    """The file name of the one pythonXY.dll among `names`; None where there is not exactly one."""
    found = [name for name in names if _LIBRARY.fullmatch(name)]
    return found[0] if len(found) == 1 else None


def is_kept(name: str) -> bool:
    """Whether `name` is a part of the interpreter that an executable may need.

    The compiler's runtime is kept whole: extension modules of wheels load more of it than Python does.
    """
    stem, _, suffix = name.partition(".")
    return bool(_LIBRARY.fullmatch(name) or _RUNTIME.fullmatch(name.lower())) or (
        suffix.endswith("pyd")
        and not _FREE_THREADED.search(name)
        and not stem.startswith("_test")
        and not stem.endswith("_test")
        and stem not in LEFT_OUT
    )


def newest_linker(versions: Mapping[str, tuple[int, int]]) -> tuple[str, tuple[int, int]]:
    """The file with the newest linker of `versions` (by file name), and that version.

    >>> newest_linker({"a.pyd": (14, 29), "b.pyd": (14, 44)})
    ('b.pyd', (14, 44))
    """
    return max(versions.items(), key=lambda item: (item[1], item[0]))


def with_libraries(
    names: Iterable[str], available: Iterable[str], imports: Callable[[str], Iterable[str]]
) -> list[str]:
    """`names` and all of `available` that they load, directly or not; sorted.

    Windows brings `api-ms-win-*` itself.

    >>> with_libraries(["_ssl.pyd"], ["libssl.dll", "tk.dll"], {"_ssl.pyd": ["libssl.dll"]}.get)
    ['_ssl.pyd', 'libssl.dll']
    """
    by_name = {
        name.lower(): name for name in available if not name.lower().startswith("api-ms-win-")
    }
    found: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            queue += [by_name[need] for need in imports(name) or () if need in by_name]
    return sorted(found)


def destination(name: str) -> str:
    """Where a file of the wheel goes: beside python.exe, or among the extension modules.

    >>> destination("_ssl.pyd"), destination("VCRUNTIME140.dll")
    ('DLLs/_ssl.pyd', 'vcruntime140.dll')
    """
    if _LIBRARY.fullmatch(name) or _RUNTIME.fullmatch(name.lower()):
        return name.lower()
    return f"DLLs/{name}"


def is_library_file_kept(path: str) -> bool:
    """Whether a file of the native standard library, by its path there, is part of the Windows one."""
    *folders, name = path.split("/")
    return (
        not SKIPPED_FOLDERS.intersection(folders)
        and not (folders and _SKIPPED_ROOTS.fullmatch(folders[0]))
        and not _SKIPPED_FILES.fullmatch(name)
    )


def forwarder(library: str, names: Iterable[str]) -> str:
    """The module definition of python3.dll, which passes each name on to pythonXY.dll (PEP 384).

    Extension modules of the stable ABI load python3.dll alone, whatever the version.
    """
    target = library.rpartition(".")[0]
    lines = [f"  {name} = {target}.{name}" for name in names if name.startswith(("Py", "_Py"))]
    return "\n".join(["LIBRARY python3.dll", "EXPORTS", *lines]) + "\n"
