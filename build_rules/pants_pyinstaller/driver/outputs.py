"""What the programs hand on to each other, besides the layer's index: the files, and what reads them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
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
    """What a binary asks for: the input of ``selection.select``.

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
class Selection:
    """What of a layer goes in: module names, file destinations, runtime hooks, distributions' numbers; each sorted."""

    modules: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    rthooks: list[str] = field(default_factory=list)
    dists: list[int] = field(default_factory=list)


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
    """APP_SELECTION: what ``app`` hands to ``check``, ``exercise`` and ``assemble``.

    :param selection: the closure of ``wanted``; a proof may add to it.
    :param hooks: runtime hooks of the user, in order: names of entries in ``scripts``.
    :param scripts: name -> [offset, length] of marshalled code in APP_MODULES; the entry script is called ``entry``.
    :param files: destination -> whether it is executable; contents below APP_FILES.
    :param links: symbolic links to some of them: destination -> target, relative to the directory of the link.
    :param unfollowed: see ``first_party.without``.
    :param address: see ``contract.AppRequest``.
    """

    entry: Entry
    wanted: Wanted = field(default_factory=Wanted)
    selection: Selection = field(default_factory=Selection)
    modules: list[OwnModule] = field(default_factory=list)
    scripts: dict[str, list[int]] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)
    files: dict[str, bool] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    unfollowed: dict[str, list[str]] = field(default_factory=dict)
    address: str = ""


@dataclass
class Imported:
    """APP_IMPORTS: what a proof has to know of first-party sources besides their code.

    :param main: the module that runs as ``__main__``, which a proof does not execute; "" for none.
    :param start: modules that the program begins with.
    :param names: what to import; ``attributes``: module -> attributes that import statements ask of it.
    :param own: first-party module -> [kind, path below its source root], see ``first_party.Source``.
    :param statements: module -> its import statements: the fields of ``own_imports.Statement`` but the first.
    :param installs_hook: see ``import_hooks.installs``.
    """

    main: str
    start: list[str]
    names: list[str]
    attributes: dict[str, list[str]]
    own: dict[str, list[str]]
    statements: dict[str, list[list[Any]]]
    installs_hook: bool


@dataclass
class Additions:
    """What runs showed to be missing from a bundle.

    :param modules, files: of the lock.
    :param own_files: sources of the application that are needed as files: destination -> path.
    :param unpacked: first-party modules that are such sources alone, for the import hook that loads them.
    :param askers: module of ``modules`` -> who asked for it first, where that is known.
    """

    modules: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    own_files: dict[str, str] = field(default_factory=dict)
    unpacked: set[str] = field(default_factory=set)
    askers: dict[str, str] = field(default_factory=dict)

    def beyond(self, known: Additions) -> list[str]:
        """Names that ``known`` lacks, sorted."""
        new = (self.modules - known.modules) | (self.files - known.files)
        new |= self.own_files.keys() - known.own_files.keys()
        return sorted(new | (self.unpacked - known.unpacked))

    def join(self, other: Additions) -> None:
        """Add ``other``."""
        self.modules |= other.modules
        self.files |= other.files
        self.own_files |= other.own_files
        self.unpacked |= other.unpacked
        self.askers = {**other.askers, **self.askers}


@dataclass
class Proved:
    """CHECK_RESULT or EXERCISE_RESULT.

    :param selection: what ships, as far as this program knows.
    :param additions: what of it the program added.
    :param early: see ``runtime.Packed``.
    :param failing: module, or module.attribute -> what fails frozen as unfrozen.
    :param carried_from: the platform whose proof this is, where nothing was run; see ``carry``.
    """

    selection: Selection
    additions: Additions = field(default_factory=Additions)
    early: dict[str, list[str]] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)
    carried_from: str = ""


def write_json(directory: str, name: str, content: Any) -> None:
    """Write a result file into ``directory``, which is made; sets become sorted lists."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as out:
        json.dump(content, out, indent=1, ensure_ascii=False, sort_keys=True, default=sorted)
        out.write("\n")


def write(directory: str, name: str, result: App | Imported | Proved) -> None:
    """Write the result of a program into ``directory``."""
    write_json(directory, name, {"schema": contract.SCHEMA, **asdict(result)})


def _read(directory: str, name: str) -> dict[str, Any]:
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    del found["schema"]
    return found


def read_app(directory: str) -> App:
    """APP_SELECTION of ``directory``."""
    plain = _read(directory, contract.APP_SELECTION)
    plain["entry"] = Entry(**plain["entry"])
    wanted = plain["wanted"]
    plain["wanted"] = Wanted(
        frozenset(wanted["modules"]),
        frozenset(wanted["files"]),
        frozenset(wanted["collect"]),
        tuple(wanted["excludes"]),
        frozenset(wanted["shadowed"]),
    )
    plain["selection"] = Selection(**plain["selection"])
    plain["modules"] = [OwnModule(**row) for row in plain["modules"]]
    return App(**plain)


def read_imports(directory: str) -> Imported:
    """APP_IMPORTS of ``directory``."""
    return Imported(**_read(directory, contract.APP_IMPORTS))


def read_trace(directory: str | None) -> dict[str, Any]:
    """TRACE_RESULT of ``directory``; nothing without a trace."""
    if directory is None:
        return {"dynamic": {}, "differences": [], "files": {}}
    return _read(directory, contract.TRACE_RESULT)


def read_check(directory: str) -> Proved:
    """CHECK_RESULT of ``directory``, in which the contents of the application's files lie."""
    found = _read_proved(directory, contract.CHECK_RESULT)
    own_files = found.additions.own_files
    for dest in own_files:
        own_files[dest] = os.path.join(directory, *own_files[dest].split("/"))
    return found


def read_exercise(directory: str) -> Proved:
    """EXERCISE_RESULT of ``directory``."""
    return _read_proved(directory, contract.EXERCISE_RESULT)


def _read_proved(directory: str, name: str) -> Proved:
    plain = _read(directory, name)
    additions = Additions(**plain["additions"])
    for field_name in ("modules", "files", "unpacked"):
        setattr(additions, field_name, set(getattr(additions, field_name)))
    return Proved(
        Selection(**plain["selection"]),
        additions,
        plain["early"],
        plain["failing"],
        plain["carried_from"],
    )
