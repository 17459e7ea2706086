"""The Pants backend `release.rules`: what Pants loads, nothing else.

In `pants.toml`, with this repository's layout:

    [GLOBAL]
    pythonpath = ["%(buildroot)s/build_rules"]
    backend_packages.add = ["release.rules"]
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Rule
from pants.engine.target import Target
from pants.engine.unions import UnionRule

from release.rules import description, package
from release.rules.target_types import ReleaseArchiveTarget


def target_types() -> Iterable[type[Target]]:
    return (ReleaseArchiveTarget,)


def rules() -> Iterable[Rule | UnionRule]:
    return (*package.rules(), *description.rules())
