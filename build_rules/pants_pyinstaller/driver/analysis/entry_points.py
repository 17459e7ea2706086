"""Groups of entry points that a module reads, seen in its source.

How a program comes from a group's name to its plug-ins (``importlib.metadata``, pluggy, stevedore, a helper of the
project's) does not matter: the groups of a resolve are known, and whoever reads one names it somewhere.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable

TOOL_GROUPS = (
    *(
        "console_scripts",
        "gui_scripts",
        "pytest11",
        "distutils.*",
        "setuptools.*",
        "egg_info.*",
        "pyinstaller40",
    ),
    *(
        "babel.*",
        "flake8.*",
        "mypy*",
        "pylint*",
        "sphinx*",
        "docutils.*",
        "hypothesis",
        "nox*",
        "tox*",
        "poetry.*",
    ),
    *(
        "hatch*",
        "towncrier*",
        "virtualenv*",
        "build.*",
        "lingua.*",
        "nose*",
        "zest.*",
        "flit*",
        "pre_commit*",
    ),
)
"""Groups that developers' tools read; all others may be plug-ins of the running program."""

_SPEAKS = re.compile(rb"(?i)entry_?points?\b|plug-?ins?\b|pluggy|stevedore")


def is_tool_group(group: str) -> bool:
    """Whether ``group`` is read by developers' tools alone."""
    return any(fnmatch.fnmatch(group, pattern) for pattern in TOOL_GROUPS)


def speaks_of_plugins(source: bytes) -> bool:
    """Whether ``source`` mentions entry points or plug-ins."""
    return _SPEAKS.search(source) is not None


def finder(groups: Iterable[str]) -> Callable[[bytes, bool], list[str]]:
    """A function that gives those of ``groups`` that a source names, sorted.

    A group's name of several parts is a constant that hardly anything else has. One of a single part (``llm``) is
    also a word: it counts in a source that speaks of plug-ins, and as the value of a constant in capitals in a
    project that does so elsewhere, which is the function's second argument.
    """
    known = sorted(group for group in groups if not is_tool_group(group))
    if not known:
        return lambda source, elsewhere: []
    pattern = re.compile(rb"""["'](%s)["']""" % b"|".join(re.escape(g.encode()) for g in known))

    def find(source: bytes, elsewhere: bool) -> list[str]:
        found = set()
        speaks: bool | None = None
        for match in pattern.finditer(source):
            group = match[1].decode()
            if group not in found:
                if group.isalnum():
                    if speaks is None:
                        speaks = speaks_of_plugins(source)
                    if not speaks and not (elsewhere and _is_constant(source, match.start())):
                        continue
                found.add(group)
        return sorted(found)

    return find


def _is_constant(source: bytes, position: int) -> bool:
    line = source[source.rfind(b"\n", 0, position) + 1 : position]
    return re.match(rb"\s*_?[A-Z][A-Z0-9_]*\s*(:[^=]*)?=\s*$", line) is not None
