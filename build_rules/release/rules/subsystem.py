"""`[release]`: what a release is called and from which commit it is."""

from __future__ import annotations

import re

from pants.option.option_types import IntOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap

from release.platforms import DEFAULT_SOURCE_DATE_EPOCH, version_problem

_LAST_EPOCH = 4354819198  # 2107-12-31T23:59:58Z, the last moment that a ZIP file can express
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class ReleaseOptionError(ValueError):
    """An option of `[release]` has a value that can't be used."""


def _problem(option: str, problem: str) -> ReleaseOptionError:
    return ReleaseOptionError(
        f"`[release].{option}` {problem}. Set it with PANTS_RELEASE_{option.upper()}, "
        f"--release-{option.replace('_', '-')} or in pants.toml."
    )


class ReleaseSubsystem(Subsystem):
    options_scope = "release"
    name = "release"
    help = "Archives of programs for those who download them (`release_archive` targets)."

    _version = StrOption(
        default="dev",
        help=softwrap(
            """
            The version that archives are named for, used whole as `{version}`: a tag, for
            example. Letters, digits, `.`, `_` and `-`.
            """
        ),
    )
    _commit = StrOption(
        default="",
        help=softwrap(
            """
            The commit that is built, in hexadecimal; empty where that is not to be told. When
            both are known, an executable whose manifest names another commit is refused.
            """
        ),
    )
    _source_date_epoch = IntOption(
        default=DEFAULT_SOURCE_DATE_EPOCH,
        help=softwrap(
            """
            The time of every member of an archive, in seconds since 1970-01-01T00:00:00Z. Set it
            to the commit's time for the archives of a tagged build, and leave it alone otherwise:
            equal contents then give equal archives from one commit to the next.
            """
        ),
    )

    license_policy = StrOption(
        default=None,
        help=softwrap(
            """
            Path of a TOML file that says under which licences something may be inside an archive;
            its form is in `release/describe/licenses.py`. A distribution under another licence, or
            under none, fails the build. By default nothing is refused.
            """
        ),
    )

    @property
    def version(self) -> str:
        problem = version_problem(self._version)
        if problem is not None:
            raise _problem("version", problem)
        return self._version

    @property
    def commit(self) -> str | None:
        if not self._commit:
            return None
        if not _COMMIT.fullmatch(self._commit):
            raise _problem(
                "commit", f"is {self._commit!r}, but must be 7 to 64 lower-case hexadecimal digits"
            )
        return self._commit

    @property
    def source_date_epoch(self) -> int:
        if not DEFAULT_SOURCE_DATE_EPOCH <= self._source_date_epoch <= _LAST_EPOCH:
            raise _problem(
                "source_date_epoch",
                f"is {self._source_date_epoch}, but must be from {DEFAULT_SOURCE_DATE_EPOCH} "
                f"(1980, the first year that a ZIP file knows) to {_LAST_EPOCH} (2107, the last)",
            )
        return self._source_date_epoch
