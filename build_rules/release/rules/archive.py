"""A rule that archives files deterministically and returns the archive's digest and size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Union

from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    Directory,
    FileContent,
    FileEntry,
    SymlinkEntry,
)
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.engine.rules import Get, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.resources import read_resource

Entry = Union[FileEntry, SymlinkEntry, Directory]
"""What an archive can hold; a digest lists a directory only if it is empty."""

_ARCHIVER = "__archiver.py"
_SPECIFICATION = "__archive.json"
_MEMBERS = "__members"


@dataclass(frozen=True)
class ArchiveRequest:
    """Archive `members`, each under its path, as `output_path`."""

    output_path: str
    archive_format: str
    mtime: int
    members: tuple[Entry, ...]


@dataclass(frozen=True)
class Archive:
    digest: Digest
    sha256: str
    size: int


def _mode(entry: Entry) -> int:
    return 0o644 if isinstance(entry, FileEntry) and not entry.is_executable else 0o755


@rule
async def create_deterministic_archive(
    request: ArchiveRequest, python: PythonBuildStandaloneBinary
) -> Archive:
    specification = {
        "output": request.output_path,
        "format": request.archive_format,
        "mtime": request.mtime,
        "members": [
            {"path": e.path, "source": f"{_MEMBERS}/{e.path}", "mode": _mode(e)}
            for e in request.members
        ],
    }
    input_digest = await Get(
        Digest,
        CreateDigest(
            [
                FileContent(_ARCHIVER, read_resource("release.pack", "archiver.py")),
                FileContent(_SPECIFICATION, json.dumps(specification, sort_keys=True).encode()),
                *(replace(e, path=f"{_MEMBERS}/{e.path}") for e in request.members),
            ]
        ),
    )
    result = await Get(
        ProcessResult,
        Process(
            # -I: neither the environment nor the user's site-packages reach the archiver.
            argv=(python.path, "-I", _ARCHIVER, _SPECIFICATION),
            input_digest=input_digest,
            append_only_caches=python.APPEND_ONLY_CACHES,
            output_files=(request.output_path,),
            description=f"Archive {request.output_path}",
            # As large as the executable, which caches already store in chunks, and faster to make than to fetch.
            cache_scope=ProcessCacheScope.PER_RESTART_SUCCESSFUL,
        ),
    )
    (entry,) = await Get(DigestEntries, Digest, result.output_digest)
    assert isinstance(entry, FileEntry)
    return Archive(
        result.output_digest,
        entry.file_digest.fingerprint,
        entry.file_digest.serialized_bytes_length,
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
