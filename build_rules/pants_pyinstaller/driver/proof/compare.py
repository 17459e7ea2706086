"""What a module does frozen against what it does unfrozen."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..bundle.contents import Layers
from . import runs

_NOISE = re.compile(
    r"0x[0-9a-fA-F]+|\b\d+\.\d+s\b|(?:/tmp|<root>)[/\\][\w./\\-]*|\b[A-Za-z]:\\[\w./\\-]*|/[\w.-]+(?:/[\w.-]+){2,}"
)


def same(one: tuple[str, str] | None, other: tuple[str, str] | None) -> bool:
    """Whether two outcomes are alike: success, or one exception with the same message apart from addresses."""
    if one is None or other is None:
        return one is other
    if one[0] != other[0]:
        return False
    return _NOISE.sub("…", one[1]) == _NOISE.sub("…", other[1])


@dataclass(frozen=True)
class Difference:
    """One module that does not do frozen what it does unfrozen."""

    module: str
    unfrozen: str
    frozen: str
    cause: str
    remedy: str

    def describe(self) -> str:
        """The lines of a message."""
        return (
            f"  {self.module}\n    unfrozen: {_short(self.unfrozen)}\n    frozen:   {_short(self.frozen)}\n"
            f"    cause:    {self.cause}\n    remedy:   {self.remedy}"
        )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 300 else flat[:300] + " …"


def missing_module(text: str) -> str | None:
    """The module that an error's text calls missing."""
    named = re.search(r"[Nn]o module named '?([\w.]+)", text)
    return named[1] if named else None


def missing_name(text: str) -> str | None:
    """The same, or what cannot be imported from a package."""
    named = re.search(r"cannot import name '(\w+)' from .*?'([\w.]+)'", text)
    return f"{named[2]}.{named[1]}" if named else missing_module(text)


def explain(module: str, unfrozen: runs.Outcome, frozen: runs.Outcome) -> Difference:
    """The difference with its likely cause and what to do, judged by the frozen exception."""
    kind, text = frozen.error or ("", "")
    where = f" (raised at {frozen.where[-1]})" if frozen.where else ""
    named = missing_module(text)
    if named:
        cause = f"the module {named} is imported in a way that analysis cannot see{where}"
        remedy = f"add {named!r} to hidden_imports, or its distribution to collect"
    elif (
        "PackageNotFoundError" in kind
        or "No package metadata" in text
        or "DistributionNotFound" in kind
    ):
        cause = f"the metadata of a distribution is not in the bundle{where}"
        remedy = "add the distribution to collect"
    elif "source" in text.lower() and kind in ("OSError", "TypeError", "RuntimeError"):
        cause = f"the module reads its own source code, and a bundle holds compiled code{where}"
        remedy = (
            f"add a hook for it: hook-{module.partition('.')[0]}.py with module_collection_mode = 'pyz+py', "
            "named in the target's hooks"
        )
    elif kind in ("FileNotFoundError", "NotADirectoryError"):
        cause = f"a file that the module reads is not in the bundle{where}"
        remedy = (
            "add its distribution to collect, or the file itself to the dependencies as a resource"
        )
    elif ".so" in text or ".dll" in text.lower() or ".dylib" in text:
        cause = f"a native library is not in the bundle or cannot be loaded{where}"
        remedy = "add a hook that names it in binaries (collect_dynamic_libs), named in the target's hooks"
    elif kind == "end of the process":
        cause = "importing it ends the process"
        remedy = "leave the module out by excludes if the program does not need it"
    else:
        cause = f"it behaves otherwise in a bundle{where}"
        remedy = "read the exception; if the difference does not matter, accept it in proof_allow with the reason"
    return Difference(module, unfrozen.describe(), frozen.describe(), cause, remedy)


def failures(
    layers: Layers,
    frozen: runs.Report,
    frozen_command: Sequence[str],
    names: list[str],
    site: str,
    work: str,
    roots: list[str],
) -> tuple[list[Difference], dict[str, runs.Outcome]]:
    """Differences among ``names``, which failed frozen, after importing them unfrozen; and those that fail there too.

    Imports in one process influence each other, so what differs is tried once more in a separate process: one module
    for each pair of outcomes, since one missing file may fail hundreds of modules in one way.
    """
    alike: dict[str, runs.Outcome] = {}
    if not names:
        return [], alike
    command = runs.unfrozen_command(layers.layer_path, layers.layer, site, roots, work)
    unfrozen = runs.run(command, runs.Job(names, record=False), os.path.realpath(site), work)
    found = []
    confirmed: set[tuple[object, ...]] = set()
    for name in names:
        pair = frozen.outcomes[name], unfrozen.outcomes[name]
        if same(pair[0].error, pair[1].error):
            alike[name] = pair[1]
            continue
        way = tuple((item.error, tuple(item.where)) for item in pair)
        if way in confirmed:
            found.append(explain(name, pair[1], pair[0]))
            continue
        alone = runs.Job([name], record=False)
        one = runs.run(frozen_command, alone, "", work).outcomes[name]
        other = runs.run(command, alone, os.path.realpath(site), work).outcomes[name]
        if not same(one.error, other.error) and one.error is not None:
            found.append(explain(name, other, one))
            confirmed.add(way)
        elif one.error is not None:
            alike[name] = other
    return found, alike
