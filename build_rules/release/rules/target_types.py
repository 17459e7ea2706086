"""The target `release_archive` and its fields.

`pants help` evaluates the annotations of `compute_value` on Python 3.9, which has no `X | None`
for generic types: hence `Optional`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from string import Formatter
from typing import Optional

from pants.core.goals.package import OutputPathField
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.addresses import Address
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    InvalidFieldException,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.docutil import bin_name
from pants.util.strutil import help_text

from release.platforms import PLATFORMS

PLACEHOLDERS = ("name", "version", "os", "arch", "ext")
DEFAULT_OUTPUT_PATH = "release/{name}-{version}-{os}-{arch}.{ext}"
DEFAULT_EVIDENCE_PATH = "evidence/{name}-{version}-{os}-{arch}.json"

_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class ReleasePackagesField(SpecialCasedDependencies):
    alias = "packages"
    required = True
    value: tuple[str, ...]
    help = help_text(
        f"""
        Addresses of the targets whose executables go into the archive, e.g. `[":agent-runner"]`:
        any target that `{bin_name()} package` can build, whose first artifact is an executable
        file.

        Two files that a packager may write beside its executable are read:
        `EXECUTABLE.manifest.json` for the platform, `EXECUTABLE.notices.json` for the licence
        texts. Neither goes into the archive.

        If a package builds its program for several platforms, each with such a manifest, each
        platform gets an archive.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Iterable[str]], address: Address
    ) -> Optional[tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        if not value:
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} is empty, but an archive needs an "
                'executable: give the address of the target that builds it, e.g. [":app"].'
            )
        if len(set(value)) != len(value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} names a target twice: {list(value)}."
            )
        return value


class ReleaseFilesField(SpecialCasedDependencies):
    alias = "files"
    help = help_text(
        """
        Addresses of `file`, `files` or `relocated_files` targets to put into the archive beside
        the executables, under their paths in the repository; `relocated_files` changes the paths.
        """
    )


class ReleaseBinaryNameField(StringField):
    alias = "binary_name"
    help = help_text(
        """
        The executable's name in the archive, and `{name}` in `output_path`; by default the name of
        this target. Omit `.exe`: archives for Windows add it.

        With several `packages` the executables keep the names of their artifacts.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if value is None:
            return None
        if not _FILE_NAME.fullmatch(value):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} is {value!r}, but must be a file "
                "name: letters, digits, `.`, `_` and `-`, without a folder."
            )
        if value.lower().endswith(".exe"):
            raise InvalidFieldException(
                f"The {cls.alias!r} field in target {address} is {value!r}: omit `.exe`, archives "
                "for Windows add it."
            )
        return value

    def value_or_default(self, address: Address) -> str:
        return self.value or address.target_name


class ReleasePlatformField(StringField):
    alias = "platform"
    valid_choices = tuple(PLATFORMS)
    help = help_text(
        """
        The archive's platform, as `OS-ARCH`. It determines `{os}`, `{arch}`, the format (`.zip` for
        Windows, else `.tar.gz`) and `.exe`.

        By default every platform in the executables' manifests, or else the one that builds them.
        Set it if the names of two archives differ only in the platform.
        """
    )


class ReleaseNoticesField(BoolField):
    alias = "notices"
    default = True
    help = help_text(
        """
        Whether to add a `THIRD_PARTY_NOTICES.txt` with the licence texts of everything inside the
        executables, from their `EXECUTABLE.notices.json`.
        """
    )


def _check_template(alias: str, value: str, address: Address, ending: str, why: str) -> None:
    """Refuse a path template with a wrong ending, or one that leaves the distdir."""
    says = f"The {alias!r} field in target {address} is {value!r}"
    if not value.endswith(ending):
        raise InvalidFieldException(f"{says}, but must end in `{ending}`: {why}.")
    try:
        fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        raise InvalidFieldException(f"{says}, which is not a valid template ({error}).") from error
    unknown = sorted(fields.difference(PLACEHOLDERS))
    if unknown:
        raise InvalidFieldException(
            f"{says} and uses {', '.join('{' + name + '}' for name in unknown)}, but only "
            f"{', '.join('{' + name + '}' for name in PLACEHOLDERS)} are known."
        )
    if value.startswith("/") or ".." in value.split("/"):
        raise InvalidFieldException(
            f"{says}, but must stay in the distdir: give a relative path without `..`."
        )


class ReleaseOutputPathField(OutputPathField):
    default = DEFAULT_OUTPUT_PATH
    value: str
    help = help_text(
        f"""
        Path of the archive in the distdir (e.g. `dist/`). It may use `{{name}}`, `{{version}}`
        (`[release].version`), `{{os}}` and `{{arch}}`, and must end in `.{{ext}}`, since the format
        follows the platform. By default `{DEFAULT_OUTPUT_PATH}`.

        A checksum file is written beside it, with `.sha256` appended to the name.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> str:
        value = super().compute_value(raw_value, address)
        assert value is not None  # there is a default
        why = "the platform decides between `.tar.gz` and `.zip`"
        _check_template(cls.alias, value, address, ".{ext}", why)
        return value


class ReleaseEvidencePathField(StringField):
    alias = "evidence_path"
    default = DEFAULT_EVIDENCE_PATH
    value: str
    help = help_text(
        f"""
        Path in the distdir of a JSON file that describes the archive: its digest, platform, version
        and commit, and the manifests of its executables. It is for those who verify a release, not
        for those who download it. The placeholders are those of `output_path`. By default `{DEFAULT_EVIDENCE_PATH}`.

        Beside it, with other endings, are the bill of materials (`.cdx.json`, CycloneDX) and the
        provenance statement (`.intoto.json`, SLSA).
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> str:
        value = super().compute_value(raw_value, address)
        assert value is not None  # there is a default
        _check_template(cls.alias, value, address, ".json", "it is a JSON file")
        return value


class ReleaseMaterialsField(StringSequenceField):
    alias = "materials"
    default = ()
    value: tuple[str, ...]
    help = help_text(
        """
        Globs, from the repository's root, of the files that determine the result: mainly lockfiles.
        Their digests go into the provenance statement, and the hashes in lockfiles into the bill of
        materials.
        """
    )


class ReleaseArchiveTarget(Target):
    alias = "release_archive"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ReleasePackagesField,
        ReleaseFilesField,
        ReleaseBinaryNameField,
        ReleasePlatformField,
        ReleaseNoticesField,
        ReleaseOutputPathField,
        ReleaseEvidencePathField,
        ReleaseMaterialsField,
        EnvironmentField,
    )
    help = help_text(
        """
        An archive of executables for download: `.tar.gz`, or `.zip` for Windows, with the
        executables and third-party notices at its root, and a checksum beside it.

        Archives are deterministic: equal contents give equal bytes.
        """
    )
