"""What the programs hand on to each other, besides the layer's index: the files, and what reads them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from . import contract


@dataclass(frozen=True)
class Entry:
    """How the entry script starts; see ``runtime.start``.

    :param name: the script's name for the bootloader.
    :param file: ``__main__.__file__`` below the bundle's directory.
    :param module: the module whose code it is, run as ``python -m`` runs it; "" for other scripts.
    :param script: whether it is a file run as ``python FILE`` runs it.
    :param called: the module whose ``function`` the entry script calls.
    """

    name: str
    file: str
    module: str = ""
    script: bool = False
    called: str = ""
    function: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a binary asks for.

    :param modules: module names to begin with (imports of the first-party code, hidden imports, found at run time).
    :param files: destinations to begin with (found at run time).
    :param collect: normalised names of distributions that go in whole.
    :param excludes: modules that stay out with their submodules.
    :param shadowed: top-level import names that the application owns: the layer's modules of these names stay out.
    """

    modules: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    collect: frozenset[str] = frozenset()
    excludes: tuple[str, ...] = ()
    shadowed: frozenset[str] = frozenset()


@dataclass
class OwnModule:
    """A first-party module in APP_MODULES (see ``first_party.Source``).

    :param pyz: whether it is in the PYZ; a hook may want it as a file alone.
    """

    name: str
    kind: str
    dest: str
    offset: int = 0
    length: int = 0
    pyz: bool = True


@dataclass
class App:
    """APP_SELECTION: what ``app`` says to ``check`` and ``assemble``.

    :param wanted: fields of ``Wanted``.
    :param hooks: runtime hooks of the user, in order: names of entries in ``scripts``.
    :param scripts: name -> [offset, length] of marshalled code in APP_MODULES; the entry script is called ``entry``.
    :param files: destination -> whether it is executable; contents below APP_FILES.
    :param unfollowed: see ``first_party.without``.
    """

    schema: int
    entry: Entry
    wanted: dict[str, list[str]]
    modules: list[OwnModule]
    scripts: dict[str, list[int]]
    hooks: list[str]
    files: dict[str, bool]
    unfollowed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def request(self) -> Wanted:
        """The selection's input."""
        return Wanted(
            modules=frozenset(self.wanted["modules"]),
            files=frozenset(self.wanted["files"]),
            collect=frozenset(self.wanted["collect"]),
            excludes=tuple(self.wanted["excludes"]),
            shadowed=frozenset(self.wanted["shadowed"]),
        )


def read_app(directory: str) -> App:
    """APP_SELECTION of ``directory``."""
    with open(os.path.join(directory, contract.APP_SELECTION), encoding="utf-8") as file:
        plain = json.load(file)
    plain["entry"] = Entry(**plain["entry"])
    plain["modules"] = [OwnModule(**row) for row in plain["modules"]]
    return App(**plain)


def read_trace(path: str | None) -> dict[str, Any]:
    """TRACE_RESULT; nothing without a trace."""
    if path is None:
        return {"dynamic": {}, "differences": []}
    with open(os.path.join(path, contract.TRACE_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def read_check(directory: str | None) -> dict[str, Any]:
    """CHECK_RESULT: what the application's proof added; ``own_files`` as contents.load_layers takes it."""
    if directory is None:
        return {"modules": [], "files": [], "early": {}, "own_files": {}, "unpacked": []}
    with open(os.path.join(directory, contract.CHECK_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    found["own_files"] = {
        dest: os.path.join(directory, contract.CHECK_FILES, *dest.split("/"))
        for dest in found["own_files"]
    }
    return found


def read_exercise(directory: str | None) -> dict[str, Any]:
    """What the exercises added to the selection."""
    if directory is None:
        return {"modules": [], "files": []}
    with open(os.path.join(directory, contract.EXERCISE_RESULT), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def write_json(directory: str, name: str, content: Any) -> None:
    """Write a result file, into ``directory``, which is made."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as out:
        json.dump(content, out, indent=1, ensure_ascii=False, sort_keys=True)
        out.write("\n")
