"""Replace the built executable by a signed one: in its archive, and in all evidence.

Two builds give the same bytes, but a signature contains the time and needs a key that builds must
not see. So both builds are compared first, and the executable is signed afterwards, on another
machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from release.errors import ReleaseError
from release.evidence import (
    PROVENANCE_ENDING,
    SBOM_ENDING,
    Evidence,
    File,
    Signature,
    evidence_path,
    load,
)
from release.files import Log, read_text, written_together
from release.pack import archiver
from release.pack.archives import extract_member, file_sha256
from release.plan import archive_base, archive_platform
from release.platforms import CHECKSUM_SUFFIX, checksum_line
from release.project import Project
from release.signing import records
from release.signing.calls import Call
from release.signing.records import Change
from release.signing.secret_files import secret_folder


class Signer(Protocol):
    """Signs executables for one system. `folder` is for secrets and is removed afterwards."""

    @property
    def kind(self) -> str: ...

    def calls(self, source: Path, target: Path, folder: Path) -> list[Call]:
        """The calls that `sign` would make, in order."""

    def tool(self) -> str:
        """The tool's name and version, separated by a space."""

    def sign(self, source: Path, target: Path, folder: Path) -> Signature:
        """Write the signed executable to `target`, and return its verified signature."""

    def read(self, path: Path) -> Signature:
        """Read and verify an executable's signature; raises ReleaseError if there is none."""


def _file(path: Path) -> File:
    return File(sha256=file_sha256(path), size=path.stat().st_size)


def is_signed(evidence: Evidence, archive_sha256: str) -> bool:
    """Whether the archive is the signed one; raises ReleaseError if it is neither that nor the
    built one.

    The archive is replaced last: if that didn't happen, the evidence describes a lost signature,
    and the archive is signed again.
    """
    if evidence.archive.sha256 == archive_sha256:
        return evidence.signed is not None
    if evidence.signed is not None and evidence.signed.archive.sha256 == archive_sha256:
        return False
    raise ReleaseError(
        f"{evidence.archive.name} has the SHA-256 {archive_sha256}, but its evidence describes "
        f"{evidence.archive.sha256}: run ./pants package :: again"
    )


def built_executable(evidence: Evidence, name: str) -> str:
    """The digest of the executable as it was built."""
    if evidence.signed is not None:
        return evidence.signed.executable.sha256
    for inside in evidence.executables:
        if inside.path == name and inside.sha256 is not None:
            return inside.sha256
    raise ReleaseError(f"the evidence of {evidence.archive.name} lacks the digest of {name}")


def replace_executable(archive: Path, name: str, executable: Path, output: Path) -> None:
    """Write the same archive with another executable: names, permissions and times stay the same,
    and the bytes depend on nothing else."""
    archive_format = "zip" if archive.name.endswith(".zip") else "tar.gz"
    try:
        entries = archiver.FORMATS[archive_format].read(archive)
        if name not in entries:
            raise ReleaseError(f"{archive.name} does not contain {name}")
        if any(entry.kind != "file" for entry in entries.values()):
            raise ReleaseError(f"{archive.name} contains more than files, and cannot be repacked")
        folder = executable.parent / "members"
        members = []
        for path, entry in entries.items():
            source = executable
            if path != name:
                source = folder / path
                source.parent.mkdir(parents=True, exist_ok=True)
                extract_member(archive, path, source)
            members.append(archiver.Member(path, source, entry.mode))
        (mtime,) = {entry.mtime for entry in entries.values()}
        archiver.create(output, archive_format, members, mtime=mtime)
    except (archiver.ArchiveError, OSError, ValueError) as error:
        raise ReleaseError(f"{archive.name} cannot be repacked: {error}") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(read_text(path))
    except ValueError as error:
        raise ReleaseError(f"{path} cannot be read: {error}") from error
    return document


_DOCUMENTS: Mapping[str, Callable[[dict[str, Any], Change], dict[str, Any]]] = {
    PROVENANCE_ENDING: records.statement,
    SBOM_ENDING: records.bill_of_materials,
    ".json": records.evidence,
}


def sign_archive(
    archive: Path, evidence: Path, project: Project, signer: Signer, log: Log
) -> Signature:
    """Sign the executable in an archive, or verify the signature that it has.

    Any failure raises ReleaseError and leaves archive, checksum and evidence unchanged.
    """
    base = archive_base(archive.name)
    name = archive_platform(project, archive.name).executable_name(project.program)
    if not archive.is_file():
        raise ReleaseError(f"{archive} is no file")
    about = load(Evidence, evidence_path(evidence, base))
    signed_already = is_signed(about, file_sha256(archive))
    with secret_folder() as folder:
        source = folder / "built" / name
        source.parent.mkdir()
        extract_member(archive, name, source)
        if signed_already and about.signed is not None:
            found = signer.read(source)
            if found != about.signed.signature:
                raise ReleaseError(
                    f"{archive.name} is signed by {found.signer}, but its evidence says "
                    f"{about.signed.signature.signer}"
                )
            log(f"{archive.name} is already signed: {signer.kind}, {found.signer}")
            return found
        wanted = built_executable(about, name)
        if file_sha256(source) != wanted:
            raise ReleaseError(
                f"{name} in {archive.name} doesn't have the SHA-256 in its evidence, {wanted}"
            )
        target = folder / "signed" / name
        target.parent.mkdir()
        signature = signer.sign(source, target, folder)
        checksum = archive.with_name(archive.name + CHECKSUM_SUFFIX)
        documents = {evidence / f"{base}{ending}": make for ending, make in _DOCUMENTS.items()}
        with written_together([*documents, checksum, archive]) as partial:
            replace_executable(archive, name, target, partial[archive])
            now = _file(partial[archive])
            change = Change(
                archive=archive.name,
                executable=name,
                tool=signer.tool(),
                signature=signature,
                built_archive=_file(archive),
                built_executable=_file(source),
                archive_now=now,
                executable_now=_file(target),
            )
            for path, make in documents.items():
                text = json.dumps(make(_document(path), change), indent=2, sort_keys=True)
                partial[path].write_text(text + "\n", encoding="utf-8", newline="\n")
            line = checksum_line(now.sha256, archive.name)
            partial[checksum].write_bytes(line.encode())
    stamp = "with a timestamp" if signature.timestamped else "WITHOUT a timestamp"
    log(f"signed {archive.name}: {signer.kind}, {signature.signer}, {stamp}; sha256 {now.sha256}")
    return signature


def describe(archive: Path, project: Project, signer: Signer) -> list[str]:
    """What `sign_archive` would do, one step per line."""
    name = archive_platform(project, archive.name).executable_name(project.program)
    folder = Path("TEMPORARY")
    calls = signer.calls(folder / "built" / name, folder / "signed" / name, folder)
    return [
        f"extract {name} from {archive}",
        *(f"run {call}" for call in calls),
        f"replace {archive}, its checksum and its evidence by those of the signed {name}",
    ]
