"""Check the files of a release before anyone else gets them.

Each check returns the defects it finds, so that one run names all of them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release.errors import ReleaseError
from release.evidence import (
    PROVENANCE_ENDING,
    SBOM_ENDING,
    Evidence,
    Notarisation,
    ProofReport,
    Rebuild,
    evidence_path,
    load,
    notarisation_path,
    proof_path,
    rebuild_path,
)
from release.manifest import DEFERRED, Floor
from release.pack.archives import ArchiveMember, extract_member, file_sha256, read_members
from release.platforms import CHECKSUM_SUFFIX, Platform, checksum_line, host_platform_name
from release.project import Project
from release.signing import authenticode, pe

if TYPE_CHECKING:
    from release.checks.executables import ExecutableFacts

_CHECKSUM = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>[^\n\r/]+)\n")
_NATIVE_TIMEOUT = 120.0


@dataclass(frozen=True)
class Defect:
    """What is wrong with a file."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


@dataclass(frozen=True)
class ArchiveFacts:
    """What is known about a platform's archive, for reports; sizes in bytes."""

    platform: Platform
    name: str
    size: int
    sha256: str
    members: tuple[ArchiveMember, ...]
    executable: ExecutableFacts | None
    evidence: Evidence | None

    @property
    def unpacked_size(self) -> int:
        return sum(member.size for member in self.members)

    @property
    def floor(self) -> Floor | None:
        """The higher of the executable's own floor and that of its contents.

        None if unknown: headers show the floor of a one-file executable's own code, and only its
        packager knows that of its contents.
        """
        if self.executable is None or self.evidence is None:
            return None
        known = [self.executable.floor] if self.executable.floor else []
        for inside in self.evidence.executables:
            if inside.manifest is None or inside.manifest.floor is None:
                return None
            known.append(inside.manifest.floor)
        return max(known, key=lambda floor: floor.order, default=None)

    @property
    def known_floor(self) -> Floor | None:
        """The floor, or else that of the executable's own code."""
        return self.floor or (self.executable.floor if self.executable else None)


@dataclass
class Report:
    """The defects of a release, and the facts about its archives that could be read."""

    defects: list[Defect] = field(default_factory=list)
    archives: list[ArchiveFacts] = field(default_factory=list)


@dataclass(frozen=True)
class VerifyOptions:
    """What `verify` checks beyond the files themselves.

    evidence   folder of the evidence; None skips the checks that need it
    rebuilds   whether each archive needs the verdict of a second build without a cache, and one whose
               proof is deferred the report of its proof kit
    """

    evidence: Path | None = None
    rebuilds: bool = False


def check_names(directory: Path, expected: Iterable[str]) -> list[Defect]:
    """Check that the folder contains exactly the expected files: no others, no folders, no hidden
    files."""
    present = {path.name: path for path in directory.iterdir()}
    wanted = list(expected)
    defects = [Defect(name, "is missing") for name in wanted if name not in present]
    for name, path in sorted(present.items()):
        if name not in wanted:
            defects.append(Defect(name, "is not part of this release"))
        elif path.is_symlink() or not path.is_file():
            defects.append(Defect(name, "is not a regular file"))
    return defects


def check_checksum(path: Path, archive: str, sha256: str) -> list[Defect]:
    """Check for one line that `sha256sum -c` can read, with that archive's name and digest."""
    content = path.read_bytes()
    if b"\r" in content:
        return [Defect(path.name, "has CRLF line ends, which `shasum -c` cannot read")]
    match = _CHECKSUM.fullmatch(content.decode("utf-8", "replace"))
    if match is None:
        example = checksum_line("0123…", archive).strip()
        return [Defect(path.name, f"is not one line of the form `{example}`")]
    if match["name"] != archive:
        return [Defect(path.name, f"is for {match['name']}, not for {archive}")]
    if match["sha256"] != sha256:
        return [Defect(path.name, f"says {match['sha256']}, but {archive} has {sha256}")]
    return []


def check_members(
    archive: str, members: Sequence[ArchiveMember], expected: dict[str, int]
) -> list[Defect]:
    """Check for exactly the expected files, with their permissions."""
    defects = []
    names = [member.name for member in members]
    defects += [
        Defect(archive, f"doesn't contain {name}") for name in expected if name not in names
    ]
    defects += [
        Defect(archive, f"contains {name} {names.count(name)} times")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    for member in members:
        if member.name not in expected:
            defects.append(Defect(archive, f"contains {member.name}, which doesn't belong there"))
        elif member.kind != "file":
            defects.append(Defect(archive, f"{member.name} is a {member.kind}, not a file"))
        elif member.mode != expected[member.name]:
            defects.append(
                Defect(
                    archive,
                    f"{member.name} has the permissions {member.mode:04o}, "
                    f"not {expected[member.name]:04o}",
                )
            )
        if member.name in expected and member.size == 0:
            defects.append(Defect(archive, f"{member.name} is empty"))
    return defects


def check_executable(archive: str, facts: ExecutableFacts, platform: Platform) -> list[Defect]:
    wanted = (platform.os.executable_format, platform.arch)
    if (facts.format, facts.arch) == wanted:
        return []
    return [
        Defect(
            archive,
            f"its executable is {facts.format} for {facts.arch}, not {wanted[0]} for {wanted[1]}",
        )
    ]


def check_budget(project: Project, facts: ArchiveFacts) -> list[Defect]:
    budget = project.budgets[facts.platform.name]
    defects = []
    if facts.size > budget.archive_bytes:
        defects.append(
            Defect(
                facts.name,
                f"has {facts.size:,} bytes, over its budget of {budget.archive_bytes:,}",
            )
        )
    if budget.floor is not None and facts.evidence is not None:
        floor = facts.floor
        if floor is None:
            defects.append(
                Defect(
                    facts.name, f"doesn't state its floor, which must be {budget.floor} or lower"
                )
            )
        elif (floor.system, floor.order > budget.floor.order) != (budget.floor.system, False):
            defects.append(Defect(facts.name, f"needs {floor}, over its budget of {budget.floor}"))
    return defects


def check_evidence(facts: ArchiveFacts, version: str, executable: str) -> list[Defect]:
    """Check that the evidence is about this archive, and that its name has the version inside."""
    evidence = facts.evidence
    if evidence is None:
        return []
    defects = []
    about = f"{Path(facts.name).name}'s evidence"

    def expect(what: str, found: object, wanted: object) -> None:
        if found != wanted:
            defects.append(Defect(facts.name, f"{about} says {what} {found}, not {wanted}"))

    expect("version", evidence.version, version)
    expect("platform", evidence.platform, facts.platform.name)
    expect("archive", evidence.archive.name, facts.name)
    expect("SHA-256", evidence.archive.sha256, facts.sha256)
    inside = {e.path: e for e in evidence.executables}.get(executable)
    if inside is None:
        return [*defects, Defect(facts.name, f"{about} doesn't name {executable}")]
    content = {member.name: member.sha256 for member in facts.members}
    expect(f"SHA-256 of {executable}", inside.sha256, content.get(executable))
    if inside.manifest is None:
        defects.append(Defect(facts.name, f"{about} has no manifest of {executable}"))
    else:
        said = inside.manifest.build_info.version
        expect(f"that {executable} is version", said, version)
    return defects


def _subjects(document: Any) -> list[str]:
    """The SHA-256 digests that a provenance statement is about."""
    return [subject["digest"]["sha256"] for subject in document["subject"]]


def _described(document: Any) -> list[str]:
    """The SHA-256 digests of what a bill of materials describes."""
    return [item["content"] for item in document["metadata"]["component"]["hashes"]]


def check_description(facts: ArchiveFacts, path: Path) -> list[Defect]:
    """Check that the bill of materials, or the provenance, exists and is about this archive."""
    is_sbom = path.name.endswith(SBOM_ENDING)
    try:
        text = path.read_text(encoding="utf-8")
        about = (_described if is_sbom else _subjects)(json.loads(text))
    except OSError as error:
        return [Defect(facts.name, f"{path.name} cannot be read: {error.strerror}")]
    except (ValueError, KeyError, TypeError) as error:
        return [Defect(facts.name, f"{path.name} is invalid: {error!r}")]
    if facts.sha256 not in about:
        return [Defect(facts.name, f"{path.name} is about {', '.join(about) or 'nothing'}")]
    if is_sbom:
        # Takes seconds to import: commands that verify nothing needn't wait for it.
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        invalid = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
        if invalid is not None:
            return [Defect(facts.name, f"{path.name} is not valid CycloneDX: {invalid}")]
    return []


def check_rebuild(facts: ArchiveFacts, path: Path) -> list[Defect]:
    """Check that a second build, without a cache, gave the same bytes; for a signed executable,
    those of the unsigned build."""
    if not path.exists():
        return [Defect(facts.name, f"has no verdict of a second build ({path.name})")]
    verdict = load(Rebuild, path)
    built = facts.evidence.built_sha256 if facts.evidence is not None else facts.sha256
    if verdict.archive != facts.name or verdict.sha256 != built:
        return [
            Defect(
                facts.name,
                f"{path.name} is about {verdict.archive} {verdict.sha256}, not about this archive",
            )
        ]
    if verdict.rebuilt_sha256 != built:
        return [
            Defect(
                facts.name,
                f"is not reproducible: a second build gave {verdict.rebuilt_sha256}, not {built}",
            )
        ]
    return []


def check_proof(facts: ArchiveFacts, path: Path) -> list[Defect]:
    """Check that a deferred proof was delivered: a report of this executable's kit, which passed."""
    deferred = [
        inside.manifest.proof
        for inside in (facts.evidence.executables if facts.evidence else ())
        if inside.manifest and inside.manifest.proof and inside.manifest.proof.state == DEFERRED
    ]
    if not deferred:
        return []
    if not path.exists():
        return [
            Defect(
                facts.name,
                f"its proof is deferred, and {path.name} is missing: start its proof kit on "
                f"{facts.platform} (build_support/prove.sh)",
            )
        ]
    report = load(ProofReport, path)
    defects = []
    if report.platform != facts.platform.name:
        defects.append(Defect(facts.name, f"{path.name} is about {report.platform}"))
    if report.content not in [proof.content for proof in deferred]:
        defects.append(
            Defect(facts.name, f"{path.name} is about an executable with other contents")
        )
    if not report.passed:
        failed = "; ".join(f"{what}: {how}" for what, how in sorted(report.failures.items())[:5])
        defects.append(Defect(facts.name, f"its proof failed on {report.machine}: {failed}"))
    return defects


def check_signature(archive: str, executable: Path, evidence: Evidence) -> list[Defect]:
    """Check that a signed Windows executable has the recorded signature, and otherwise equals the
    built one. (macOS executables can only be verified on macOS, which happened when they were
    signed.)"""
    signed = evidence.signed
    try:
        if signed is None:
            is_signed = pe.is_signed(executable.read_bytes())
            problem = "its executable is signed, but its evidence doesn't say so"
            return [Defect(archive, problem)] if is_signed else []
        found = authenticode.read_signature(executable)
        authenticode.check_made_of(executable, signed.executable)
    except ReleaseError as error:
        return [Defect(archive, str(error))]
    if found != signed.signature:
        return [Defect(archive, f"is signed by {found.signer}, not by {signed.signature.signer}")]
    return []


def check_notarisation(facts: ArchiveFacts, path: Path, executable: str) -> list[Defect]:
    """Check that Apple's answer, if there is one, is about this executable."""
    if not path.exists():
        return []
    answer = load(Notarisation, path)
    content = {member.name: member.sha256 for member in facts.members}
    if answer.executable_sha256 != content.get(executable):
        about = f"{path.name} is about {answer.executable_sha256}"
        return [Defect(facts.name, f"{about}, not about {executable} in it")]
    return []


def check_native_version(
    archive: str, executable: Path, program: str, version: str
) -> list[Defect]:
    """Start the executable with an empty environment, and check the version it prints."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "TMPDIR": home}
        if sys.platform == "win32":
            environment |= {"TEMP": home, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
        try:
            done = subprocess.run(
                [executable, "--version"],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_NATIVE_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return [Defect(archive, f"its executable cannot print its version: {error}")]
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return [
            Defect(
                archive,
                f"`--version` exits with {done.returncode}: {' '.join(message) or 'no message'}",
            )
        ]
    first = lines[0].strip() if lines else ""
    if first != f"{program} {version}":
        return [Defect(archive, f"prints the version {first!r}, not {f'{program} {version}'!r}")]
    return []


def _check_archive(
    directory: Path, project: Project, version: str, platform: Platform, options: VerifyOptions
) -> tuple[list[Defect], ArchiveFacts | None]:
    name = project.archive(version, platform)
    path = directory / name
    sha256 = file_sha256(path)
    defects: list[Defect] = []
    checksum = directory / (name + CHECKSUM_SUFFIX)
    if checksum.is_file():
        defects += check_checksum(checksum, name, sha256)
    try:
        members = read_members(path)
    except ReleaseError as error:
        return [*defects, Defect(name, str(error))], None
    defects += check_members(name, members, project.members(platform))

    evidence: Evidence | None = None
    if options.evidence is not None:
        try:
            evidence = load(
                Evidence, evidence_path(options.evidence, project.base(version, platform))
            )
        except ReleaseError as error:
            defects.append(Defect(name, f"its evidence: {error}"))

    executable_name = platform.executable_name(project.program)
    executable: ExecutableFacts | None = None
    if any(m.name == executable_name and m.kind == "file" for m in members):
        with tempfile.TemporaryDirectory() as folder:
            extracted = Path(folder) / executable_name
            extract_member(path, executable_name, extracted)
            # Takes most of a second to import: commands that verify nothing needn't wait for it.
            from release.checks.executables import inspect_executable

            try:
                executable = inspect_executable(extracted)
            except ReleaseError as error:
                defects.append(Defect(name, str(error)))
            else:
                wrong = check_executable(name, executable, platform)
                defects += wrong
                if not wrong and evidence is not None and executable.format == "PE":
                    defects += check_signature(name, extracted, evidence)
                if not wrong and platform.name == host_platform_name():
                    defects += check_native_version(name, extracted, project.program, version)

    facts = ArchiveFacts(
        platform, name, path.stat().st_size, sha256, tuple(members), executable, evidence
    )
    defects += check_evidence(facts, version, executable_name)
    if options.evidence is not None:
        for ending in (SBOM_ENDING, PROVENANCE_ENDING):
            beside = options.evidence / f"{project.base(version, platform)}{ending}"
            defects += check_description(facts, beside)
        answer = notarisation_path(options.evidence, project.base(version, platform))
        try:
            defects += check_notarisation(facts, answer, executable_name)
        except ReleaseError as error:
            defects.append(Defect(name, str(error)))
    if executable is not None:
        defects += check_budget(project, facts)
    if options.rebuilds:
        if options.evidence is None:
            raise ReleaseError("verdicts of second builds are in the evidence folder: give it too")
        base = project.base(version, platform)
        try:
            defects += check_rebuild(facts, rebuild_path(options.evidence, base))
            defects += check_proof(facts, proof_path(options.evidence, base))
        except ReleaseError as error:
            defects.append(Defect(name, str(error)))
    return defects, facts


def verify(
    directory: Path,
    project: Project,
    version: str,
    platforms: Sequence[Platform],
    options: VerifyOptions | None = None,
) -> Report:
    """Check a folder that must contain the archives and checksums of these platforms and nothing
    else.

    Raises ReleaseError if the folder itself cannot be read; problems with its files are in the
    report.
    """
    options = options or VerifyOptions()
    if not directory.is_dir():
        raise ReleaseError(f"{directory} is not a folder")
    if options.evidence is not None and not options.evidence.is_dir():
        raise ReleaseError(f"{options.evidence}, the folder of the evidence, doesn't exist")
    archives = {platform: project.archive(version, platform) for platform in platforms}
    expected = [name for a in archives.values() for name in (a, a + CHECKSUM_SUFFIX)]
    report = Report(defects=check_names(directory, expected))
    for platform, name in archives.items():
        path = directory / name
        if path.is_file() and not path.is_symlink():
            defects, facts = _check_archive(directory, project, version, platform, options)
            report.defects += defects
            if facts is not None:
                report.archives.append(facts)
    return report


def sound_archives(
    directory: Path,
    project: Project,
    version: str,
    platforms: Sequence[Platform],
    options: VerifyOptions,
) -> list[ArchiveFacts]:
    """The facts about archives that have no defects; raises ReleaseError if one has."""
    report = verify(directory, project, version, platforms, options)
    if report.defects:
        raise ReleaseError(
            f"{directory} has {len(report.defects)} defects, the first of them: "
            f"{report.defects[0]} (`verify` lists all)"
        )
    return report.archives
