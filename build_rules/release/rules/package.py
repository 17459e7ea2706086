"""The rules behind `pants package` for `release_archive` targets.

    packages -> BuiltPackage -> Executable (its files, what its sidecars say)
             -> members of the archive -> Process (driver/archiver.py) -> archive and checksum

An archive's process sees the members alone, under the names that they get: whatever else a
packager lays beside its executable doesn't rebuild the archive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.core.target_types import FileSourceField
from pants.core.util_rules.adhoc_binaries import PythonBuildStandaloneBinary
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.collection import Collection
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    FileContent,
    FileEntry,
    MergeDigests,
    SymlinkEntry,
)
from pants.engine.platform import Platform as PantsPlatform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
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
from pants.util.resources import read_resource

from release.platforms import (
    CHECKSUM_SUFFIX,
    PANTS_PLATFORMS,
    PLATFORMS,
    Platform,
    checksum_line,
)
from release.rules import sidecars
from release.rules.notices import format_notices
from release.rules.sidecars import Component, Manifest, SidecarError
from release.rules.subsystem import ReleaseSubsystem
from release.rules.target_types import (
    ReleaseArchiveTarget,
    ReleaseBinaryNameField,
    ReleaseFilesField,
    ReleaseNoticesField,
    ReleaseOutputPathField,
    ReleasePackagesField,
    ReleasePlatformField,
)

NOTICES_NAME = "THIRD_PARTY_NOTICES.txt"

_ARCHIVER = "__archiver.py"
_SPECIFICATION = "__archive.json"
_MEMBERS = "__members"


@dataclass(frozen=True)
class ReleaseArchiveFieldSet(PackageFieldSet):
    required_fields = (ReleasePackagesField,)

    packages: ReleasePackagesField
    files: ReleaseFilesField
    binary_name: ReleaseBinaryNameField
    platform: ReleasePlatformField
    notices: ReleaseNoticesField
    output_path: ReleaseOutputPathField
    environment: EnvironmentField


# ---------------------------------------------------------------------------------------------
# Two archives with one name
# ---------------------------------------------------------------------------------------------


class ReleaseArchiveTargets(Collection[Target]):
    """Every `release_archive` of the repository."""


@rule(desc="Find all release archives", level=LogLevel.DEBUG)
async def find_release_archives(all_targets: AllTargets) -> ReleaseArchiveTargets:
    return ReleaseArchiveTargets(t for t in all_targets if t.has_field(ReleasePackagesField))


def _name_before_platform(target: Target) -> tuple[str, str | None]:
    """What the targets of two archives with one name have in common before either is built."""
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
            f"`{ReleaseBinaryNameField.alias}` or `{ReleaseOutputPathField.alias}`, or, where they "
            f"are for different platforms, say in each one's `{ReleasePlatformField.alias}` for "
            "which."
        )


# ---------------------------------------------------------------------------------------------
# Executables and what their packagers say of them
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReadExecutableRequest:
    """Find a package's executable and its sidecars.

    `owner` is the release_archive, for messages; `address` the package's target.
    """

    owner: Address
    address: Address
    package: BuiltPackage


@dataclass(frozen=True)
class Executable:
    """A package's executable: one file, or a folder of which one file is the program.

    `entries` have paths relative to the file's folder, or to the folder itself.
    """

    address: Address
    path: PurePosixPath
    is_folder: bool
    entries: tuple[FileEntry | SymlinkEntry, ...]
    manifest: Manifest
    components: tuple[Component, ...] | None


def _no_executable(request: ReadExecutableRequest, why: str) -> InvalidFieldException:
    return InvalidFieldException(
        f"The {ReleasePackagesField.alias!r} field in target {request.owner} names "
        f"{request.address}, which {why}."
    )


def _executable_of(
    request: ReadExecutableRequest, entries: Iterable[FileEntry | SymlinkEntry]
) -> tuple[PurePosixPath, bool, tuple[FileEntry | SymlinkEntry, ...]]:
    """Return the executable's path, whether it is a folder, and its files."""
    by_path = {entry.path: entry for entry in entries}
    artifacts = [a.relpath for a in request.package.artifacts if a.relpath]
    if not artifacts:
        raise _no_executable(
            request, "builds no file: name a target whose first artifact is an executable"
        )
    first = artifacts[0]
    entry = by_path.get(first)
    if entry is None:
        folder = tuple(
            replace(e, path=PurePosixPath(e.path).relative_to(first).as_posix())
            for e in by_path.values()
            if e.path.startswith(first.rstrip("/") + "/")
        )
        if not folder:
            raise _no_executable(request, f"says that it builds `{first}`, but didn't")
        return PurePosixPath(first), True, folder

    executables = [
        path
        for path, e in by_path.items()
        if path in artifacts and isinstance(e, FileEntry) and e.is_executable
    ]
    if len(executables) > 1:
        raise _no_executable(
            request,
            f"builds several executables ({', '.join(executables)}), so that none of them can be "
            "the one to pack: name a target that builds one file, or one whose first artifact is "
            "a folder",
        )
    is_program = executables == [first] or first.lower().endswith(".exe")
    described = first + sidecars.MANIFEST_SUFFIX in by_path
    if not isinstance(entry, FileEntry) or not (is_program or described):
        raise _no_executable(
            request,
            f"builds `{first}` first, which is no executable file: name the target of a program, "
            f"and put other files into `{ReleaseFilesField.alias}`",
        )
    # Whoever wrote the executable may have lost its bit, on a file system that has none.
    entry = replace(entry, path=PurePosixPath(first).name, is_executable=True)
    return PurePosixPath(first), False, (entry,)


@rule
async def read_executable(request: ReadExecutableRequest) -> Executable:
    digest_entries = await Get(DigestEntries, Digest, request.package.digest)
    entries = tuple(e for e in digest_entries if isinstance(e, (FileEntry, SymlinkEntry)))
    path, is_folder, own = _executable_of(request, entries)

    sidecar_entries = [
        e
        for e in entries
        if isinstance(e, FileEntry)
        and e.path in {f"{path}{suffix}" for suffix in sidecars.SUFFIXES}
    ]
    sidecar_digest = await Get(Digest, CreateDigest(sidecar_entries))
    contents = {
        file.path: file.content for file in await Get(DigestContents, Digest, sidecar_digest)
    }
    manifest_name = f"{path}{sidecars.MANIFEST_SUFFIX}"
    notices_name = f"{path}{sidecars.NOTICES_SUFFIX}"
    try:
        manifest = (
            sidecars.parse_manifest(manifest_name, contents[manifest_name])
            if manifest_name in contents
            else Manifest()
        )
        components = (
            sidecars.parse_notices(notices_name, contents[notices_name])
            if notices_name in contents
            else None
        )
    except SidecarError as error:
        raise _no_executable(request, f"describes its executable badly: {error}") from error

    only = own[0]
    if not is_folder and isinstance(only, FileEntry):
        fingerprint = only.file_digest.fingerprint
        if manifest.sha256 not in (None, fingerprint):
            raise _no_executable(
                request,
                f"describes another executable than it built: {manifest_name} has the SHA-256 "
                f"{manifest.sha256}, the file {fingerprint}",
            )
    return Executable(request.address, path, is_folder, own, manifest, components)


def _choose_platform(
    owner: Address, field: ReleasePlatformField, executables: Iterable[Executable], local: Platform
) -> Platform:
    stated: dict[str, Address] = {}
    for executable in executables:
        name = executable.manifest.platform
        if name is None:
            continue
        if name not in PLATFORMS:
            raise InvalidTargetException(
                f"The archive of {owner} can't be named: the manifest of {executable.address} says "
                f"that its executable is for {name!r}. Known are {', '.join(PLATFORMS)}."
            )
        stated.setdefault(name, executable.address)
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
    """An archive's name must not say another version than the program in it."""
    inside = executable.manifest
    if inside.version is not None and inside.version != release.version:
        raise InvalidTargetException(
            f"The archive of {owner} would be named for the version {release.version!r}, but the "
            f"executable of {executable.address} says {inside.version!r} of itself. "
            "`[release].version` and the executable's build information must come from one place, "
            "for example from PANTS_RELEASE_VERSION."
        )
    ours, theirs = release.commit or "", inside.commit or ""
    if not (ours.startswith(theirs) or theirs.startswith(ours)):
        raise InvalidTargetException(
            f"The archive of {owner} would be of the commit {ours}, but the executable of "
            f"{executable.address} says {theirs} of itself. `[release].commit` and the "
            "executable's build information must come from one place, for example from "
            "PANTS_RELEASE_COMMIT."
        )


# ---------------------------------------------------------------------------------------------
# Members
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Member:
    """A file in the archive, and where it is from, for messages."""

    entry: FileEntry | SymlinkEntry
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
                f"The archive of {owner} would hold `{member.entry.path}` twice: {other} and "
                f"{member.origin} have that name. Rename one of them; `relocated_files` renames "
                "files."
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
                f"{target.address}, a `{target.alias}` that gives no file: only `file`, `files` "
                "and `relocated_files` targets do."
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
                f"{executable.address} doesn't tell what is inside: its package has no "
                f"`{executable.path}{sidecars.NOTICES_SUFFIX}`. Use a packager that writes it, or "
                f"set `{field.alias}=False` if you pass the licence texts on in another way."
            )
        components.extend(executable.components)
    return format_notices(name, components)


# ---------------------------------------------------------------------------------------------
# The archive
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ArchiveRequest:
    """Archive `members`, each under its path, as `output_path`."""

    output_path: str
    archive_format: str
    mtime: int
    members: tuple[FileEntry | SymlinkEntry, ...]


@dataclass(frozen=True)
class Archive:
    digest: Digest
    sha256: str
    size: int


def _mode(entry: FileEntry | SymlinkEntry) -> int:
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
                FileContent(_ARCHIVER, read_resource("release.rules.driver", "archiver.py")),
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
        ),
    )
    (entry,) = await Get(DigestEntries, Digest, result.output_digest)
    assert isinstance(entry, FileEntry)
    return Archive(
        result.output_digest,
        entry.file_digest.fingerprint,
        entry.file_digest.serialized_bytes_length,
    )


@rule(desc="Package release archive", level=LogLevel.DEBUG)
async def package_release_archive(
    field_set: ReleaseArchiveFieldSet,
    release: ReleaseSubsystem,
    pants_platform: PantsPlatform,
    archives: ReleaseArchiveTargets,
) -> BuiltPackage:
    owner = field_set.address
    version, mtime = release.version, release.source_date_epoch  # complain of these first
    _refuse_equal_names(owner, archives)

    targets = await Get(
        Targets, UnparsedAddressInputs, field_set.packages.to_unparsed_address_inputs()
    )
    if len(targets) > 1 and field_set.binary_name.value is not None:
        raise InvalidFieldException(
            f"The {field_set.binary_name.alias!r} field in target {owner} names one executable, "
            f"but `{field_set.packages.alias}` gives {len(targets)}: leave it out, so that each "
            f"keeps the name of its artifact, and put the archive's name into "
            f"`{field_set.output_path.alias}`."
        )
    package_field_sets = await Get(
        FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets)
    )
    for target, choices in zip(targets, package_field_sets.collection):
        if not choices:
            raise InvalidFieldException(
                f"The {field_set.packages.alias!r} field in target {owner} names {target.address}, "
                f"a `{target.alias}`, which `package` can't build: name the target that turns it "
                "into an executable."
            )
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(choice))
        for choice in package_field_sets.field_sets
    )
    executables = await MultiGet(
        Get(Executable, ReadExecutableRequest(owner, choice.address, package))
        for choice, package in zip(package_field_sets.field_sets, packages)
    )
    files = await Get(ReleaseFiles, ReleaseFilesRequest(field_set.files))

    platform = _choose_platform(
        owner, field_set.platform, executables, PANTS_PLATFORMS[pants_platform.value]
    )
    for executable in executables:
        _refuse_other_build(owner, release, executable)

    name = field_set.binary_name.value_or_default(owner)
    members = [_Member(entry, "a file of `files`") for entry in files]
    for executable in executables:
        if executable.is_folder:
            inside = name if len(executables) == 1 else executable.path.name
        elif len(executables) == 1:
            inside = platform.executable_name(name)
        else:
            inside = executable.path.name
        members += _executable_members(executable, inside)
    if field_set.notices.value:
        notices = FileContent(
            NOTICES_NAME, _notices(owner, field_set.notices, name, executables).encode()
        )
        (entry,) = await Get(DigestEntries, Digest, await Get(Digest, CreateDigest([notices])))
        assert isinstance(entry, FileEntry)
        members.append(_Member(entry, f"the notices (`{field_set.notices.alias}`)"))
    _refuse_equal_members(owner, members)

    output_path = field_set.output_path.value.format(
        name=name,
        version=version,
        os=platform.os.name,
        arch=platform.arch,
        ext=platform.archive_format,
    )
    archive = await Get(
        Archive,
        ArchiveRequest(
            output_path,
            platform.archive_format,
            mtime,
            tuple(sorted((member.entry for member in members), key=lambda entry: entry.path)),
        ),
    )
    checksum_path = output_path + CHECKSUM_SUFFIX
    checksum = checksum_line(archive.sha256, PurePosixPath(output_path).name)
    checksum_digest = await Get(
        Digest, CreateDigest([FileContent(checksum_path, checksum.encode())])
    )
    digest = await Get(Digest, MergeDigests([archive.digest, checksum_digest]))
    return BuiltPackage(
        digest,
        (
            BuiltPackageArtifact(
                output_path,
                (f"  {archive.size / 1e6:.1f} MB, {platform}, sha256 {archive.sha256}",),
            ),
            BuiltPackageArtifact(checksum_path),
        ),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return (*collect_rules(), UnionRule(PackageFieldSet, ReleaseArchiveFieldSet))
