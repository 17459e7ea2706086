"""The goals `package` and `run` for `pyinstaller_binary`."""

from __future__ import annotations

import json
import logging
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pants.build_graph.address import Address
from pants.core.goals.package import (
    BuiltPackage,
    BuiltPackageArtifact,
    OutputPathField,
    PackageFieldSet,
)
from pants.core.goals.run import RunRequest
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestEntries,
    DigestSubset,
    Directory,
    FileEntry,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
    SymlinkEntry,
)
from pants.engine.internals.native_engine import Snapshot
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.target import AllTargets, InvalidFieldException, Target
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from pants_pyinstaller.assembly import Assembled, AssembledRequest, Kit
from pants_pyinstaller.build_info import BuildInfo, BuildInfoRequest
from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.inputs import BinaryRequest, FreezeRequest, PyInstallerFieldSet
from pants_pyinstaller.subsystem import (
    KITS_ALL,
    KITS_CROSS,
    KITS_DEFERRED,
    KITS_NONE,
    PyInstaller,
)
from pants_pyinstaller.target_types import PyInstallerEntryPointField
from pants_pyinstaller.toolchain import ChosenPlatforms, Host, Toolchain

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Executable:
    """An assembled binary, laid out as in `dist`.

    `path` is the executable; `root` what a person copies: the executable, or its directory.
    """

    digest: Digest
    path: str
    root: str
    manifest: str
    notices: str


def output_names(output_path: str, mode: str, windows: bool) -> tuple[str, str]:
    """(directory, name of the executable without suffix) for an output path."""
    path = PurePath(output_path)
    name = path.name[: -len(".exe")] if windows and path.name.endswith(".exe") else path.name
    return path.parent.as_posix(), name


def refuse_shared_path(address: Address, output_path: str, targets: Iterable[Target]) -> None:
    """Raises InvalidFieldException if another of `targets` is packaged to the path of `address`."""

    def path(target: Target) -> str | None:
        field = target[OutputPathField]
        if target.has_field(PyInstallerEntryPointField):
            return field.value_or_default(file_ending=None)
        return field.value  # its default has an ending that its own backend knows

    same = sorted(
        target.address.spec
        for target in targets
        if target.has_field(OutputPathField) and path(target) == output_path
    )
    others = [spec for spec in same if spec != address.spec]
    if others:
        raise InvalidFieldException(
            f"{' and '.join([address.spec, *others])} are written to the same path, {output_path}. Give each its "
            "`output_path`, or leave the field out: the default is made of the target's address."
        )


async def _beside_build_file(field_set: PyInstallerFieldSet) -> tuple[FrozenDict[str, str], Digest]:
    """The files that fields name by a path relative to the BUILD file."""
    found = {}
    digests = []
    for field in (field_set.icon, field_set.windows_version_info):
        if not field.value:
            continue
        path = posixpath.normpath(posixpath.join(field.address.spec_path, field.value))
        snapshot = await Get(
            Snapshot,
            PathGlobs(
                [path],
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin=f"{field.address}'s `{field.alias}` field",
            ),
        )
        if snapshot.files != (path,):
            raise InvalidFieldException(
                f"The '{field.alias}' field in target {field.address} is {field.value!r}: "
                "expected the path of one file, relative to the BUILD file."
            )
        found[field.alias] = path
        digests.append(snapshot.digest)
    return FrozenDict(found), await Get(Digest, MergeDigests(digests))


async def _show_notes(field_set: PyInstallerFieldSet, assembled: Digest) -> None:
    """Show what the programs noted, once a build, also when all of it came from a cache."""
    sidecar = await Get(Digest, DigestSubset(assembled, PathGlobs([f"**/{contract.MANIFEST}"])))
    for file in await Get(DigestContents, Digest, sidecar):
        for note in json.loads(file.content)["notes"]:
            warns = note["kind"] in contract.WARNING_NOTES
            logger.log(
                logging.WARNING if warns else logging.INFO,
                "%s: %s: %s",
                field_set.address,
                note["kind"],
                note["text"],
            )


def _wants_kit(option: str, toolchain: Toolchain, host: Host) -> bool:
    """Whether `[pyinstaller].proof_kits` asks for the kit of an executable for `toolchain`.

    Raises FreezeError for an unknown value.
    """
    wanted = {
        KITS_NONE: False,
        KITS_DEFERRED: toolchain.reference is not None,
        KITS_CROSS: toolchain.platform != host.platform,
        KITS_ALL: True,
    }
    if option not in wanted:
        raise FreezeError(
            f"[pyinstaller].proof_kits is {option!r}; it must be one of {', '.join(wanted)}."
        )
    return wanted[option]


@rule
async def build_executable(
    request: BinaryRequest, host: Host, targets: AllTargets, pyinstaller: PyInstaller
) -> Executable:
    field_set = request.field_set
    freeze, build_info = await MultiGet(
        Get(FreezeRequest, BinaryRequest, request),
        Get(BuildInfo, BuildInfoRequest(field_set.build_info)),
    )
    extra, extra_digest = await _beside_build_file(field_set)
    output_path = field_set.output_path.value_or_default(file_ending=None)
    refuse_shared_path(field_set.address, output_path, targets)
    mode = field_set.mode.value or contract.ONE_FILE
    directory, name = output_names(output_path, mode, freeze.toolchain.windows)
    if request.platform != host.platform:
        directory = posixpath.join(directory, request.platform.name)
    assembled = await Get(
        Assembled, AssembledRequest(freeze, name, build_info.values, extra, extra_digest)
    )
    await _show_notes(field_set, assembled.digest)
    kit = Kit(EMPTY_DIGEST, None)
    if _wants_kit(pyinstaller.proof_kits, freeze.toolchain, host):
        kit = await Get(Kit, AssembledRequest(freeze, name, build_info.values, extra, extra_digest))
    executable = posixpath.join(directory, assembled.executable)
    root = posixpath.join(directory, name) if mode == contract.ONE_DIR else executable
    # Sidecars take the name of what they lie beside, so that several binaries share a directory.
    beside = posixpath.basename(root)
    renamed = {
        contract.MANIFEST: f"{beside}.manifest.json",
        contract.NOTICES: f"{beside}.notices.json",
    }
    entries: list[FileEntry | SymlinkEntry | Directory] = []
    for entry in await Get(DigestEntries, Digest, assembled.digest):
        path = posixpath.join(directory, renamed.get(entry.path, entry.path))
        if isinstance(entry, FileEntry):
            entries.append(FileEntry(path, entry.file_digest, entry.is_executable))
        elif isinstance(entry, SymlinkEntry):
            entries.append(SymlinkEntry(path, entry.target))
        else:  # the directory of a package whose modules are all packed
            entries.append(Directory(path))
    files = [
        await Get(Digest, CreateDigest(entries)),
        await Get(Digest, AddPrefix(kit.digest, "" if directory == "." else directory)),
    ]
    return Executable(
        await Get(Digest, MergeDigests(files)),
        path=executable,
        root=root,
        manifest=posixpath.join(directory, renamed[contract.MANIFEST]),
        notices=posixpath.join(directory, renamed[contract.NOTICES]),
    )


@rule(desc="Package PyInstaller binary")
async def package_pyinstaller_binary(
    field_set: PyInstallerFieldSet, platforms: ChosenPlatforms
) -> BuiltPackage:
    executables = await MultiGet(
        Get(Executable, BinaryRequest(field_set, platform)) for platform in platforms
    )
    return BuiltPackage(
        await Get(Digest, MergeDigests(executable.digest for executable in executables)),
        artifacts=tuple(
            BuiltPackageArtifact(path)
            for executable in executables
            for path in (executable.root, executable.manifest, executable.notices)
        ),
    )


@rule(desc="Run PyInstaller binary")
async def run_pyinstaller_binary(field_set: PyInstallerFieldSet, host: Host) -> RunRequest:
    executable, environment = await MultiGet(
        Get(Executable, BinaryRequest(field_set, host.platform)),
        Get(EnvironmentVars, EnvironmentVarsRequest(field_set.extra_env_vars.value or ())),
    )
    program = posixpath.join("{chroot}", executable.path)
    return RunRequest(
        digest=executable.digest,
        args=(program, *(field_set.args.value or ())),
        extra_env=dict(environment),
    )


def rules() -> Iterable[Rule | UnionRule]:
    return [
        *collect_rules(),
        *PyInstallerFieldSet.rules(),
        UnionRule(PackageFieldSet, PyInstallerFieldSet),
    ]
