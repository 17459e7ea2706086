"""The driver's source files as a digest, to put into the sandbox of each of its programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.engine.fs import CreateDigest, Digest, FileContent
from pants.engine.rules import Get, Rule, _uncacheable_rule, collect_rules
from pants.engine.unions import UnionRule

DRIVER_PREFIX = "__driver"
_DIRECTORY = Path(__file__).resolve().parent / "driver"


@dataclass(frozen=True)
class DriverSources:
    digest: Digest


# The engine does not watch this package's own files, so each run of Pants reads them again; where
# they are the same, so is the digest, and nothing that depends on it runs.
@_uncacheable_rule
async def read_driver_sources() -> DriverSources:
    files = sorted(
        path
        for path in _DIRECTORY.rglob("*.py")
        if not path.name.endswith("_test.py") and path.name != "conftest.py"
    )
    contents = [
        FileContent(f"{DRIVER_PREFIX}/{path.relative_to(_DIRECTORY).as_posix()}", path.read_bytes())
        for path in files
    ]
    return DriverSources(await Get(Digest, CreateDigest(contents)))


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
