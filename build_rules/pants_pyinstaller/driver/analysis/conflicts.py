"""Two distributions that own one import name, or one file."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from .. import index
from ..errors import DriverError, listing
from ..outputs import Selection
from .distributions import Distribution, is_test_path, module_of, required_key

_ASK = """
import importlib, json, sys
site, names, paths = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
sys.path[:] = paths + [site]
sys.argv[:] = [""]
answer = {}
for name in names:
    try:
        importlib.import_module(name)
        answer[name] = getattr(sys.modules[name], "__file__", None)
    except BaseException as error:
        answer[name] = None
sys.__stdout__.write("\\n@@" + json.dumps(answer))
sys.__stdout__.flush()
"""


def owned_twice(
    universe: Mapping[str, Sequence[tuple[str, int]]],
) -> dict[str, list[tuple[str, int]]]:
    """Import names with files in more than one distribution: name -> (path, distribution's number)."""
    return {
        name: list(found)
        for name, found in universe.items()
        if len({path for path, _ in found}) > 1 and len({owner for _, owner in found}) > 1
    }


def imported_files(site: str, names: Sequence[str], library: Sequence[str]) -> dict[str, str]:
    """What an ordinary environment ends up with: name -> file of ``sys.modules[name]`` after importing it unfrozen.

    A package that replaces itself by another file while it is imported (python-multipart's shim does) is so seen
    through. Names whose import fails are left out: the analysis then does what Python's finders do.
    """
    if not names:
        return {}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", _ASK, site, ",".join(names), *library],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
    )
    _, mark, answer = done.stdout.rpartition("\n@@")
    if not mark:
        return {}
    found: dict[str, str | None] = json.loads(answer)
    return {name: os.path.normpath(path) for name, path in found.items() if path}


def contested_files(site: str, distributions: Sequence[Distribution]) -> dict[str, list[str]]:
    """Module files that several distributions bring with different content: path -> their names.

    Which content an environment has then depends on the order of installation, so no build can be trusted to be right.
    """
    claims: dict[str, dict[str, str]] = {}
    for distribution in distributions:
        record = os.path.join(site, distribution.info, "RECORD")
        if not os.path.isfile(record):
            continue
        with open(record, encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if len(row) >= 2 and module_of(row[0]) is not None and not is_test_path(row[0]):
                    claims.setdefault(row[0], {})[distribution.name] = row[1]
    return {
        path: sorted(claim)
        for path, claim in claims.items()
        if len(claim) > 1 and len(set(claim.values())) > 1
    }


def refuse_contested(layer: index.Index, chosen: Selection) -> None:
    """Refuse a selection with a module that two distributions bring with different content.

    :raises DriverError: with every such file.
    """
    files = {layer.nodes[layer.number[name]].source: name for name in chosen.modules}
    bad = [(path, owners) for path, owners in layer.contested.items() if path in files]
    if not bad:
        return
    lines = []
    for path, owners in bad:
        described = []
        for owner in owners:
            dist = next(dist for dist in layer.dists if dist.name == owner)
            users = sorted(
                other.name for other in layer.dists if dist.key in map(required_key, other.requires)
            )
            described.append(
                f"{dist.name} {dist.version} (required by {', '.join(users) or 'the resolve itself'})"
            )
        lines.append(f"{path}: " + " and ".join(described))
    raise DriverError(
        "two distributions of the resolve install different contents under one name, and which one an environment has "
        f"depends on the order of installation:\n{listing(lines)}\n"
        "Remove one of the distributions from the resolve, or list the module in `excludes` "
        "if the program does not use it."
    )
