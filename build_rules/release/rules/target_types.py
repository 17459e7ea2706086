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

        What a packager says beside its executable is used: `EXECUTABLE.manifest.json` tells the
        platform, `EXECUTABLE.notices.json` the licence texts. Neither goes into the archive.

        A package that builds its program for several platforms, each with such a manifest, gives
        an archive for each platform.
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
        the executables, under the paths that they have in the repository; `relocated_files` gives
        them others.
        """
    )


class ReleaseBinaryNameField(StringField):
    alias = "binary_name"
    help = help_text(
        """
        The executable's name in the archive, and `{name}` in `output_path`; by default the name
        of this target. Leave `.exe` off: archives for Windows add it.

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
                f"The {cls.alias!r} field in target {address} is {value!r}: leave `.exe` off, "
                "archives for Windows add it."
            )
        return value

    def value_or_default(self, address: Address) -> str:
        return self.value or address.target_name


class ReleasePlatformField(StringField):
    alias = "platform"
    valid_choices = tuple(PLATFORMS)
    help = help_text(
        """
        The platform that the archive is for, as `OS-ARCH`. It decides `{os}`, `{arch}`, the format
        (`.zip` for Windows, else `.tar.gz`) and `.exe`.

        By default every platform that the executables' manifests name, or else the one that they
        are built on. State it where two archives have one name but for the platform.
        """
    )


class ReleaseNoticesField(BoolField):
    alias = "notices"
    default = True
    help = help_text(
        """
        Whether the archive gets a `THIRD_PARTY_NOTICES.txt`: the licence texts of what is inside
        its executables, from the `EXECUTABLE.notices.json` of their packagers.
        """
    )


def _check_template(alias: str, value: str, address: Address, ending: str, why: str) -> None:
    """Refuse a path template that doesn't end as it must, or that leaves the distdir."""
    says = f"The {alias!r} field in target {address} is {value!r}"
    if not value.endswith(ending):
        raise InvalidFieldException(f"{says}, but must end in `{ending}`: {why}.")
    try:
        fields = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        raise InvalidFieldException(
            f"{says}, which can't be read as a template ({error})."
        ) from error
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

        A checksum file with the same name and `.sha256` at the end is written beside it.
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
        Path in the distdir of a JSON file that says what the archive is and what is in it: its
        digest, platform, version and commit, and the manifests of its executables. It is for
        those who verify a release, not for those who download it. It may use what `output_path`
        may use. By default `{DEFAULT_EVIDENCE_PATH}`.

        Beside it, with other endings: the bill of materials (`.cdx.json`, CycloneDX) and the
        statement of provenance (`.intoto.json`, SLSA).
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
        Files of the repository, as globs from its root, that decide what comes out: lockfiles
        above all. Their digests go into the statement of provenance, and what a lockfile says of a
        distribution's files into the bill of materials.
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
        An archive of executables as users download it: `.tar.gz`, or `.zip` for Windows, with the
        executables and the notices of what is inside at its root, and a checksum beside it.

        Archives are deterministic: one content, one sequence of bytes.
        """
    )
