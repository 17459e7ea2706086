"""Ruff as Pants' formatter and linter: `fmt` runs `ruff format`, `lint` runs `ruff check`.

Pants 2.17's own ruff backend calls `ruff FILES`, which today's ruff no longer accepts.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Rule
from pants.engine.unions import UnionRule

from ruff_format import ruff


def rules() -> Iterable[Rule | UnionRule]:
    return ruff.rules()
