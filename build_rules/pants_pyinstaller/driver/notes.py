"""What a program has to tell a person besides its result: records in a file beside it.

A record has a ``kind`` (see ``KINDS``), a ``text``, and where it helps ``module`` or ``file``. The rules show them once
a build, also when the program did not run because its result came from a cache; the manifest carries them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from . import contract, outputs

KINDS = (*contract.WARNING_NOTES, "accepted", "proof")


def note(kind: str, text: str, **where: str) -> dict[str, str]:
    """One record.

    >>> note("proof", "12 imports proved")
    {'kind': 'proof', 'text': '12 imports proved'}
    """
    assert kind in KINDS, kind
    return {"kind": kind, "text": text, **where}


def write(directory: str, notes: Iterable[dict[str, str]]) -> None:
    """Write NOTES into the output ``directory``."""
    outputs.write_json(directory, contract.NOTES, list(notes))


def read(*directories: str | None) -> list[dict[str, str]]:
    """The records of several outputs, each once; None and outputs without any are skipped."""
    found: list[dict[str, str]] = []
    for directory in directories:
        path = os.path.join(directory, contract.NOTES) if directory else ""
        if path and os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                found += [item for item in json.load(file) if item not in found]
    return found
