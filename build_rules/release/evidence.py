"""An archive's evidence: files about it that are not part of the release.

All are in one folder (`dist/evidence`) and start with the archive's name without its format:

    BASE.json           what the archive is and contains; written by the packaging
    BASE.cdx.json       bill of materials, CycloneDX; written by the packaging
    BASE.intoto.json    provenance statement, SLSA; written by the packaging
    BASE.rebuild.json   the digest of the same archive, built once more without any cache
    BASE.metrics.json   times measured where it was built
    BASE.notarisation.json   Apple's answer about the executable
    BASE.proof.json     the report of the executable's proof kit, from a machine of its platform

The first three describe the archive as published. If its executable was signed after the build,
`signed` in `BASE.json` describes the unsigned build: the one that was measured and that a second
build is compared with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from release.errors import ReleaseError
from release.files import write_text
from release.manifest import Manifest

M = TypeVar("M", bound=BaseModel)

SBOM_ENDING = ".cdx.json"
PROVENANCE_ENDING = ".intoto.json"


class _Model(BaseModel):
    # A packager may write more than is read here.
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class ExecutableEvidence(_Model):
    path: str
    sha256: str | None = None
    size: int | None = None
    manifest: Manifest | None = None


class ArchiveEvidence(_Model):
    name: str
    sha256: str
    size: int


class Signature(_Model):
    """A signature in an executable.

    kind                 "Authenticode" or "Developer ID"
    signer               the certificate's subject
    certificate_sha256   of the certificate, in DER; None if the tools don't show it
    timestamped          whether it contains a timestamp
    """

    kind: str
    signer: str
    certificate_sha256: str | None = None
    timestamped: bool


class File(_Model):
    sha256: str
    size: int


class Signed(_Model):
    """A signature, and the archive and the executable as they were before it."""

    signature: Signature
    tool: str
    archive: File
    executable: File


class Evidence(_Model):
    """`BASE.json`."""

    schema_: Literal[1] = Field(alias="schema")
    program: str
    version: str
    commit: str | None = None
    platform: str
    archive: ArchiveEvidence
    executables: list[ExecutableEvidence]
    signed: Signed | None = None

    @property
    def built_sha256(self) -> str:
        """The digest of the archive that `package` made."""
        return self.signed.archive.sha256 if self.signed else self.archive.sha256


class Rebuild(_Model):
    """`BASE.rebuild.json`: `sha256` of the archive, `rebuilt_sha256` of the cold build's."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    archive: str
    sha256: str
    rebuilt_sha256: str


class Metrics(_Model):
    """`BASE.metrics.json`: seconds of wall time; None if not measured.

    build_seconds_cold    package without any cache
    build_seconds_cached  package after a change of first-party code
    start_seconds         from start to the first message (the configuration's errors), median
    machine               description of the machine
    """

    schema_: Literal[1] = Field(default=1, alias="schema")
    archive: str
    sha256: str
    build_seconds_cold: float | None = Field(default=None, ge=0)
    build_seconds_cached: float | None = Field(default=None, ge=0)
    start_seconds: float | None = Field(default=None, ge=0)
    machine: str = ""


class Notarisation(_Model):
    """`BASE.notarisation.json`: Apple's notary service accepted these bytes under the ID
    `submission`."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    archive: str
    executable_sha256: str
    submission: str
    status: str


class ProofReport(_Model):
    """`BASE.proof.json`, as a proof kit writes it: `content` is what the executable's manifest says, too."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    platform: str
    content: str
    passed: bool
    imported: int = 0
    failures: dict[str, str] = {}
    machine: str = ""


def load(kind: type[M], path: Path) -> M:
    """Read a JSON file; raises ReleaseError, which names the file and each wrong place."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseError(f"{path.name} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise ReleaseError(f"{path.name} is invalid: {problems}") from error


def save(model: BaseModel, path: Path) -> None:
    data = model.model_dump(mode="json", by_alias=True)
    write_text(path, json.dumps(data, indent=2, sort_keys=True) + "\n")


def evidence_path(folder: Path, base: str) -> Path:
    return folder / f"{base}.json"


def rebuild_path(folder: Path, base: str) -> Path:
    return folder / f"{base}.rebuild.json"


def metrics_path(folder: Path, base: str) -> Path:
    return folder / f"{base}.metrics.json"


def notarisation_path(folder: Path, base: str) -> Path:
    return folder / f"{base}.notarisation.json"


def proof_path(folder: Path, base: str) -> Path:
    return folder / f"{base}.proof.json"
