"""The executables of packages, with what their packagers say about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pants.core.goals.package import (
    BuiltPackage,
    EnvironmentAwarePackageRequest,
    PackageFieldSet,
)
from pants.engine.addresses import Address, UnparsedAddressInputs
from pants.engine.collection import Collection
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    FileEntry,
)
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import (
    FieldSetsPerTarget,
    FieldSetsPerTargetRequest,
    InvalidFieldException,
    Targets,
)
from pants.engine.unions import UnionRule

from release import typed_json
from release.manifest import SCHEMA, Manifest
from release.rules import sidecars
from release.rules.archive import Entry
from release.rules.sidecars import Component
from release.rules.target_types import ReleaseFilesField, ReleasePackagesField


@dataclass(frozen=True)
class ReadExecutablesRequest:
    """Find a package's executables and their sidecars.

    `owner` is the release_archive, for messages; `address` the package's target.
    """

    owner: Address
    address: Address
    package: BuiltPackage


@dataclass(frozen=True)
class Executable:
    """A package's executable: one file, or a folder that contains the program.

    `entries` have paths relative to the file's folder, or to the folder itself; `manifest_json` is
    the whole manifest, or "null".
    """

    address: Address
    path: PurePosixPath
    is_folder: bool
    entries: tuple[Entry, ...]
    manifest: Manifest
    manifest_json: str
    components: tuple[Component, ...] | None


class Executables(Collection[Executable]):
    """The executables of packages, in order."""


def _no_executable(request: ReadExecutablesRequest, why: str) -> InvalidFieldException:
    return InvalidFieldException(
        f"The {ReleasePackagesField.alias!r} field in target {request.owner} names "
        f"{request.address}, which {why}."
    )


def _programs_of(
    request: ReadExecutablesRequest, by_path: dict[str, Entry]
) -> list[tuple[PurePosixPath, bool, tuple[Entry, ...]]]:
    """Return each executable's path, whether it is a folder, and its files.

    A package contains one program, as its first artifact; or one for each of several platforms,
    each with a manifest beside it.
    """
    artifacts = [a.relpath for a in request.package.artifacts if a.relpath]
    described = [a for a in artifacts if a + sidecars.MANIFEST_SUFFIX in by_path]
    if artifacts[:1] == described[:1] and len(described) > 1:
        return [_program_of(request, [path], by_path) for path in described]
    return [_program_of(request, artifacts, by_path)]


def _program_of(
    request: ReadExecutablesRequest, artifacts: list[str], by_path: dict[str, Entry]
) -> tuple[PurePosixPath, bool, tuple[Entry, ...]]:
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
            raise _no_executable(request, f"declares the artifact `{first}`, but doesn't build it")
        return PurePosixPath(first), True, folder

    executables = [
        path
        for path, e in by_path.items()
        if path in artifacts and isinstance(e, FileEntry) and e.is_executable
    ]
    if len(executables) > 1:
        raise _no_executable(
            request,
            f"builds several executables ({', '.join(executables)}): name a target that builds one "
            "file, or one whose first artifact is a folder",
        )
    is_program = executables == [first] or first.lower().endswith(".exe")
    described = first + sidecars.MANIFEST_SUFFIX in by_path
    if not isinstance(entry, FileEntry) or not (is_program or described):
        raise _no_executable(
            request,
            f"builds `{first}` first, which is not an executable file: name the target of a "
            f"program, and put other files into `{ReleaseFilesField.alias}`",
        )
    # The executable bit may be lost, on a file system that has none.
    entry = replace(entry, path=PurePosixPath(first).name, is_executable=True)
    return PurePosixPath(first), False, (entry,)


@rule
async def read_executables(request: ReadExecutablesRequest) -> Executables:
    digest_entries = await Get(DigestEntries, Digest, request.package.digest)
    entries: dict[str, Entry] = {entry.path: entry for entry in digest_entries}
    programs = _programs_of(request, entries)
    names = {f"{path}{suffix}" for path, _, _ in programs for suffix in sidecars.SUFFIXES}
    sidecar_digest = await Get(
        Digest,
        CreateDigest(e for e in entries.values() if isinstance(e, FileEntry) and e.path in names),
    )
    contents = {
        file.path: file.content for file in await Get(DigestContents, Digest, sidecar_digest)
    }
    found = [_described(request, *program, contents) for program in programs]
    stated = [executable.manifest.platform for executable in found]
    if len(found) > 1 and (None in stated or len(set(stated)) < len(stated)):
        listed = ", ".join(f"{e.path} for {e.manifest.platform}" for e in found)
        raise _no_executable(
            request,
            f"builds several executables ({listed}), which have no distinct platforms: each needs "
            "its own platform in its manifest",
        )
    return Executables(found)


def _described(
    request: ReadExecutablesRequest,
    path: PurePosixPath,
    is_folder: bool,
    own: tuple[Entry, ...],
    contents: dict[str, bytes],
) -> Executable:
    """The executable with the contents of its sidecars."""
    manifest_name = f"{path}{sidecars.MANIFEST_SUFFIX}"
    notices_name = f"{path}{sidecars.NOTICES_SUFFIX}"
    try:
        manifest = (
            typed_json.parse(Manifest, manifest_name, contents[manifest_name])
            if manifest_name in contents
            else Manifest(SCHEMA)
        )
        components = (
            sidecars.with_licenses(
                typed_json.parse(tuple[Component, ...], notices_name, contents[notices_name]),
                manifest,
            )
            if notices_name in contents
            else None
        )
    except typed_json.DocumentError as error:
        raise _no_executable(request, f"has an invalid sidecar: {error}") from error

    only = own[0]
    if not is_folder and isinstance(only, FileEntry):
        fingerprint = only.file_digest.fingerprint
        if manifest.executable.sha256 not in (None, fingerprint):
            raise _no_executable(
                request,
                f"describes a different executable from the one it built: {manifest_name} has the "
                f"SHA-256 {manifest.executable.sha256}, the file {fingerprint}",
            )
    manifest_json = contents.get(manifest_name, b"null").decode()
    return Executable(request.address, path, is_folder, own, manifest, manifest_json, components)


@dataclass(frozen=True)
class ExecutablesRequest:
    """Build the packages in a field."""

    field: ReleasePackagesField


class BuiltExecutables(Collection[Executables]):
    """The executables of each of a field's packages, in the field's order."""


@rule
async def build_executables(request: ExecutablesRequest) -> BuiltExecutables:
    owner = request.field.address
    targets = await Get(Targets, UnparsedAddressInputs, request.field.to_unparsed_address_inputs())
    choices = await Get(FieldSetsPerTarget, FieldSetsPerTargetRequest(PackageFieldSet, targets))
    for target, field_sets in zip(targets, choices.collection):
        if not field_sets:
            raise InvalidFieldException(
                f"The {request.field.alias!r} field in target {owner} names {target.address}, a "
                f"`{target.alias}`, which `package` cannot build: name the target that turns it "
                "into an executable."
            )
    packages = await MultiGet(
        Get(BuiltPackage, EnvironmentAwarePackageRequest(field_set))
        for field_set in choices.field_sets
    )
    return BuiltExecutables(
        await MultiGet(
            Get(Executables, ReadExecutablesRequest(owner, field_set.address, package))
            for field_set, package in zip(choices.field_sets, packages)
        )
    )


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
