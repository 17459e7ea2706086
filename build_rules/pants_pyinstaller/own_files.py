"""This package's own files as digests, to put into the sandboxes of the programs that it runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.rules import Get, Rule, _uncacheable_rule, collect_rules, rule
from pants.engine.unions import UnionRule

LOCKS = "locks"
DRIVER_PREFIX = "__driver"
_DRIVER = "driver"
_DIRECTORY = Path(__file__).resolve().parent


@dataclass(frozen=True)
class OwnFiles:
    """The driver and the lockfiles, by their path in this package."""

    digest: Digest


@dataclass(frozen=True)
class DriverSources:
    """The driver's source files, below DRIVER_PREFIX."""

    digest: Digest


# The engine does not watch this package's own files, so each run of Pants reads them again; where
# they are the same, so is the digest, and nothing that depends on it runs.
@_uncacheable_rule
async def read_own_files() -> OwnFiles:
    files = [
        *(_DIRECTORY / LOCKS).glob("*.lock"),
        *(
            path
            for path in (_DIRECTORY / _DRIVER).rglob("*.py")
            if not path.name.endswith("_test.py") and path.name != "conftest.py"
        ),
    ]
    contents = [
        FileContent(path.relative_to(_DIRECTORY).as_posix(), path.read_bytes())
        for path in sorted(files)
    ]
    return OwnFiles(await Get(Digest, CreateDigest(contents)))


@rule
async def driver_sources(own: OwnFiles) -> DriverSources:
    driver = await Get(Digest, DigestSubset(own.digest, PathGlobs([f"{_DRIVER}/**"])))
    bare = await Get(Digest, RemovePrefix(driver, _DRIVER))
    return DriverSources(await Get(Digest, AddPrefix(bare, DRIVER_PREFIX)))


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
