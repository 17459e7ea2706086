"""An executable joined from its chunks: what caches keep, and what is too large for them to keep again.

A remote cache holds each chunk once, whichever executables it is part of. The joined file is not
sent there: putting it together costs less than moving it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

_JOIN = 'cat "$0"/* > "$1" && chmod 755 "$1"'


@dataclass(frozen=True)
class JoinRequest:
    """The files of `directory` in `digest`, in their names' order, become the executable `name`."""

    digest: Digest
    directory: str
    name: str


@dataclass(frozen=True)
class Joined:
    digest: Digest


@rule
async def join(request: JoinRequest) -> Joined:
    result = await Get(
        ProcessResult,
        Process(
            ("/bin/sh", "-c", _JOIN, request.directory, request.name),
            input_digest=request.digest,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            output_files=(request.name,),
            description=f"Join {request.name}",
            level=LogLevel.DEBUG,
            cache_scope=ProcessCacheScope.PER_RESTART_SUCCESSFUL,
        ),
    )
    return Joined(result.output_digest)


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
