"""The rules behind `pants package` for `release_archive` targets.

    packages -> Executables (their files, and what their sidecars say), by platform
             -> members of the archive -> Archive (pack/archiver.py) -> checksum, evidence
             -> Description (release.describe): bill of materials, provenance

An archive's process sees only the members, under their final names: other files that a packager
writes beside its executable don't rebuild the archive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.target_types import FileSourceField
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.collection import Collection
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    FileContent,
    FileEntry,
    MergeDigests,
)
from pants.engine.platform import Platform as PantsPlatform
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    HydratedSources,
    HydrateSourcesRequest,
    InvalidFieldException,
    InvalidTargetException,
    SourcesField,
    Target,
    Targets,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from release.platforms import (
    CHECKSUM_SUFFIX,
    PANTS_PLATFORMS,
    PLATFORMS,
    Platform,
    checksum_line,
)
from release.rules import archive, executables, sidecars
from release.rules.archive import Archive, ArchiveRequest, Entry
from release.rules.description import Description, DescriptionRequest
from release.rules.executables import BuiltExecutables, Executable, ExecutablesRequest
from release.rules.notices import format_notices
from release.rules.sidecars import Component
from release.rules.subsystem import ReleaseSubsystem
from release.rules.target_types import (
    ReleaseArchiveTarget,
    ReleaseBinaryNameField,
    ReleaseEvidencePathField,
    ReleaseFilesField,
    ReleaseMaterialsField,
    ReleaseNoticesField,
    ReleaseOutputPathField,
    ReleasePackagesField,
    ReleasePlatformField,
)

NOTICES_NAME = "THIRD_PARTY_NOTICES.txt"

_EVIDENCE_SCHEMA = 1


@dataclass(frozen=True)
class ReleaseArchiveFieldSet(PackageFieldSet):
    required_fields = (ReleasePackagesField,)

    packages: ReleasePackagesField
    files: ReleaseFilesField
    binary_name: ReleaseBinaryNameField
    platform: ReleasePlatformField
    notices: ReleaseNoticesField
    output_path: ReleaseOutputPathField
    evidence_path: ReleaseEvidencePathField
    materials: ReleaseMaterialsField
    environment: EnvironmentField


# ---------------------------------------------------------------------------------------------
# What cannot become an archive
# ---------------------------------------------------------------------------------------------


class ReleaseArchiveTargets(Collection[Target]):
    """Every `release_archive` of the repository."""


@rule(desc="Find all release archives", level=LogLevel.DEBUG)
async def find_release_archives(all_targets: AllTargets) -> ReleaseArchiveTargets:
    return ReleaseArchiveTargets(t for t in all_targets if t.has_field(ReleasePackagesField))


def _name_before_platform(target: Target) -> tuple[str, str | None]:
    """What two archives' targets have in common, before either is built, if their names are the
    same."""
    name = target[ReleaseBinaryNameField].value_or_default(target.address)
    return (
        target[ReleaseOutputPathField].value.replace("{name}", name),
        target[ReleasePlatformField].value,
    )


def _refuse_equal_names(address: Address, archives: Iterable[Target]) -> None:
    names = {target.address: _name_before_platform(target) for target in archives}
    own = names[address]
    rivals = sorted(str(a) for a, name in names.items() if name == own and a != address)
    if rivals:
        raise InvalidTargetException(
            f"The `{ReleaseArchiveTarget.alias}` targets {address} and {', '.join(rivals)} would "
            f"write the same file, `{own[0]}`. Give each its own "
            f"`{ReleaseBinaryNameField.alias}` or `{ReleaseOutputPathField.alias}`, or, if they "
            f"are for different platforms, set each one's `{ReleasePlatformField.alias}`."
        )


def _by_platform(
    owner: Address, field: ReleasePlatformField, built: BuiltExecutables, local: Platform
) -> dict[Platform, list[Executable]]:
    """The executables of each archive: one from every package.

    If every package has its program for the same platforms, each of these gets an archive, or only
    the one in the field.
    """
    for executable in (executable for package in built for executable in package):
        name = executable.manifest.platform
        if name not in (None, *PLATFORMS):
            raise InvalidTargetException(
                f"The archive of {owner} cannot be named: the manifest of {executable.address} "
                f"says that its executable is for {name!r}, which is not one of "
                f"{', '.join(PLATFORMS)}."
            )
    several = [{executable.manifest.platform for executable in package} for package in built]
    if len(several[0]) > 1 and all(names == several[0] for names in several):
        names = sorted(name for name in several[0] if name and field.value in (None, name))
        if names:
            return {
                PLATFORMS[name]: [e for p in built for e in p if e.manifest.platform == name]
                for name in names
            }
    executables = [executable for package in built for executable in package]
    return {_choose_platform(owner, field, executables, local): executables}


def _choose_platform(
    owner: Address, field: ReleasePlatformField, executables: Iterable[Executable], local: Platform
) -> Platform:
    stated = {e.manifest.platform: e.address for e in executables if e.manifest.platform}
    if len(stated) > 1:
        raise InvalidFieldException(
            f"The {ReleasePackagesField.alias!r} field in target {owner} mixes platforms ("
            + ", ".join(f"{address} is for {name}" for name, address in stated.items())
            + "): write one archive for each."
        )
    for name, address in stated.items():
        if field.value not in (None, name):
            raise InvalidFieldException(
                f"The {field.alias!r} field in target {owner} is {field.value!r}, but the "
                f"executable of {address} is for {name}: correct one of them."
            )
        return PLATFORMS[name]
    return local if field.value is None else PLATFORMS[field.value]


def _refuse_other_build(owner: Address, release: ReleaseSubsystem, executable: Executable) -> None:
    """An archive must be named for the version of the program in it."""
    inside = executable.manifest.build_info
    if inside.version is not None and inside.version != release.version:
        raise InvalidTargetException(
            f"The archive of {owner} would be named for the version {release.version!r}, but the "
            f"executable of {executable.address} has the version {inside.version!r}. Set "
            "`[release].version` and the executable's build information from one place, for "
            "example from PANTS_RELEASE_VERSION."
        )
    ours, theirs = release.commit or "", inside.commit or ""
    if not (ours.startswith(theirs) or theirs.startswith(ours)):
        raise InvalidTargetException(
            f"The archive of {owner} would be for the commit {ours}, but the executable of "
            f"{executable.address} is from {theirs}. Set `[release].commit` and the executable's "
            "build information from one place, for example from PANTS_RELEASE_COMMIT."
        )


# ---------------------------------------------------------------------------------------------
# Members
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Member:
    """A file in the archive, and its origin, for messages."""

    entry: Entry
    origin: str


def _executable_members(executable: Executable, name: str) -> list[_Member]:
    origin = f"the executable of {executable.address}"
    if not executable.is_folder:
        return [_Member(replace(executable.entries[0], path=name), origin)]
    return [_Member(replace(e, path=f"{name}/{e.path}"), origin) for e in executable.entries]


def _refuse_equal_members(owner: Address, members: Iterable[_Member]) -> None:
    seen: dict[str, str] = {}
    for member in members:
        other = seen.setdefault(member.entry.path, member.origin)
        if other != member.origin:
            raise InvalidTargetException(
                f"The archive of {owner} would contain `{member.entry.path}` twice, as {other} and "
                f"as {member.origin}. Rename one of them, for example with `relocated_files`."
            )


@dataclass(frozen=True)
class ReleaseFilesRequest:
    field: ReleaseFilesField


class ReleaseFiles(Collection[FileEntry]):
    """The loose files of an archive."""


@rule
async def read_release_files(request: ReleaseFilesRequest) -> ReleaseFiles:
    targets = await Get(Targets, UnparsedAddressInputs, request.field.to_unparsed_address_inputs())
    sources = await MultiGet(
        Get(
            HydratedSources,
            HydrateSourcesRequest(
                target.get(SourcesField),
                for_sources_types=(FileSourceField,),
                enable_codegen=True,
            ),
        )
        for target in targets
    )
    for target, hydrated in zip(targets, sources):
        if not hydrated.snapshot.files:
            raise InvalidFieldException(
                f"The {request.field.alias!r} field in target {request.field.address} names "
                f"{target.address}, a `{target.alias}` that provides no files: use `file`, `files` "
                "or `relocated_files` targets."
            )
    digest = await Get(Digest, MergeDigests(hydrated.snapshot.digest for hydrated in sources))
    entries = await Get(DigestEntries, Digest, digest)
    return ReleaseFiles(entry for entry in entries if isinstance(entry, FileEntry))


def _notices(
    owner: Address, field: ReleaseNoticesField, name: str, executables: Iterable[Executable]
) -> str:
    components: list[Component] = []
    for executable in executables:
        if executable.components is None:
            raise InvalidFieldException(
                f"The {field.alias!r} field in target {owner} asks for {NOTICES_NAME}, but "
                f"{executable.address} doesn't say what is inside: its package has no "
                f"`{executable.path}{sidecars.NOTICES_SUFFIX}`. Use a packager that writes it, or "
                f"set `{field.alias}=False` if you ship the licence texts in another way."
            )
        components.extend(executable.components)
    return format_notices(name, components)


def _name_inside(executable: Executable, alone: bool, name: str, platform: Platform) -> str:
    if not alone:
        return executable.path.name
    return name if executable.is_folder else platform.executable_name(name)


# ---------------------------------------------------------------------------------------------
# The archive
# ---------------------------------------------------------------------------------------------


def _evidence(
    release: ReleaseSubsystem,
    program: str,
    platform: Platform,
    archive_name: str,
    built: Archive,
    inside: dict[str, Executable],
) -> dict[str, Any]:
    """Describe the archive and its contents, for those who verify a release."""

    def describe(name: str, executable: Executable) -> dict[str, Any]:
        (first, *_) = executable.entries
        digest = None
        if not executable.is_folder and isinstance(first, FileEntry):
            digest = first.file_digest
        return {
            "path": name,
            "sha256": None if digest is None else digest.fingerprint,
            "size": None if digest is None else digest.serialized_bytes_length,
            "manifest": json.loads(executable.manifest_json),
        }

    commits = [
        release.commit,
        *(executable.manifest.build_info.commit for executable in inside.values()),
    ]
    return {
        "schema": _EVIDENCE_SCHEMA,
        "program": program,
        "version": release.version,
        "commit": next((commit for commit in commits if commit), None),
        "platform": platform.name,
        "source_date_epoch": release.source_date_epoch,
        "archive": {"name": archive_name, "sha256": built.sha256, "size": built.size},
        "executables": [describe(name, executable) for name, executable in inside.items()],
    }


@dataclass(frozen=True)
class PlatformArchiveRequest:
    """The archive of `executables`, all of which are for `platform`."""

    field_set: ReleaseArchiveFieldSet
    platform: Platform
    executables: tuple[Executable, ...]


@dataclass(frozen=True)
class PlatformArchive:
    digest: Digest
    artifacts: tuple[BuiltPackageArtifact, ...]


@rule
async def package_for_platform(
    request: PlatformArchiveRequest, release: ReleaseSubsystem
) -> PlatformArchive:
    field_set, platform, built = request.field_set, request.platform, request.executables
    owner = field_set.address
    version, mtime = release.version, release.source_date_epoch
    alone = len(field_set.packages.value) == 1
    files = await Get(ReleaseFiles, ReleaseFilesRequest(field_set.files))
    for executable in built:
        _refuse_other_build(owner, release, executable)

    name = field_set.binary_name.value_or_default(owner)
    members = [_Member(entry, f"a file of `{field_set.files.alias}`") for entry in files]
    for executable in built:
        members += _executable_members(executable, _name_inside(executable, alone, name, platform))
    if field_set.notices.value:
        notices = _notices(owner, field_set.notices, name, built)
        digest = await Get(Digest, CreateDigest([FileContent(NOTICES_NAME, notices.encode())]))
        (entry,) = await Get(DigestEntries, Digest, digest)
        assert isinstance(entry, FileEntry)
        members.append(_Member(entry, f"the notices (`{field_set.notices.alias}`)"))
    _refuse_equal_members(owner, members)

    placeholders = {
        "name": name,
        "version": version,
        "os": platform.os.name,
        "arch": platform.arch,
        "ext": platform.archive_format,
    }
    output_path = field_set.output_path.value.format(**placeholders)
    evidence_path = field_set.evidence_path.value.format(**placeholders)
    entries = sorted((member.entry for member in members), key=lambda entry: entry.path)
    packed = await Get(
        Archive, ArchiveRequest(output_path, platform.archive_format, mtime, tuple(entries))
    )
    archive_name = PurePosixPath(output_path).name
    inside = {_name_inside(e, alone, name, platform): e for e in built}
    evidence = _evidence(release, name, platform, archive_name, packed, inside)
    evidence_base = evidence_path[: -len(".json")]
    description_paths = (f"{evidence_base}.cdx.json", f"{evidence_base}.intoto.json")
    description = await Get(
        Description,
        DescriptionRequest(
            owner,
            json.dumps(evidence, sort_keys=True),
            field_set.materials.value,
            *description_paths,
        ),
    )
    beside = await Get(
        Digest,
        CreateDigest(
            [
                FileContent(
                    output_path + CHECKSUM_SUFFIX,
                    checksum_line(packed.sha256, archive_name).encode(),
                ),
                FileContent(
                    evidence_path,
                    (json.dumps(evidence, indent=2, sort_keys=True) + "\n").encode(),
                ),
            ]
        ),
    )
    return PlatformArchive(
        await Get(Digest, MergeDigests([packed.digest, beside, description.digest])),
        (
            BuiltPackageArtifact(
                output_path,
                (f"  {packed.size / 1e6:.1f} MB, {platform}, sha256 {packed.sha256}",),
            ),
            BuiltPackageArtifact(output_path + CHECKSUM_SUFFIX),
            BuiltPackageArtifact(evidence_path),
            *(BuiltPackageArtifact(path) for path in description_paths),
        ),
    )


@rule(desc="Package release archive", level=LogLevel.DEBUG)
async def package_release_archive(
    field_set: ReleaseArchiveFieldSet,
    release: ReleaseSubsystem,
    pants_platform: PantsPlatform,
    archives: ReleaseArchiveTargets,
) -> BuiltPackage:
    owner = field_set.address
    _ = release.version, release.source_date_epoch  # report mistakes in these first
    _refuse_equal_names(owner, archives)
    alone = len(field_set.packages.value) == 1
    if field_set.binary_name.value is not None and not alone:
        raise InvalidFieldException(
            f"The {field_set.binary_name.alias!r} field in target {owner} names one executable, "
            f"but `{field_set.packages.alias}` gives {len(field_set.packages.value)}: omit it, so "
            "that each keeps the name of its artifact, and put the archive's name into "
            f"`{field_set.output_path.alias}`."
        )

    built = await Get(BuiltExecutables, ExecutablesRequest(field_set.packages))
    by_platform = _by_platform(
        owner, field_set.platform, built, PANTS_PLATFORMS[pants_platform.value]
    )
    archives_built = await MultiGet(
        Get(
            PlatformArchive,
            PlatformArchiveRequest(field_set, platform, tuple(inside)),
        )
        for platform, inside in by_platform.items()
    )
    return BuiltPackage(
        await Get(Digest, MergeDigests(one.digest for one in archives_built)),
        tuple(artifact for one in archives_built for artifact in one.artifacts),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return (
        *collect_rules(),
        *archive.rules(),
        *executables.rules(),
        UnionRule(PackageFieldSet, ReleaseArchiveFieldSet),
    )
