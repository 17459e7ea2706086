"""`[release]`: a release's version and commit."""

from __future__ import annotations

import re

from pants.option.option_types import IntOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap

from release.platforms import DEFAULT_SOURCE_DATE_EPOCH, version_problem

_LAST_EPOCH = 4354819198  # 2107-12-31T23:59:58Z, the last moment that a ZIP file can express
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


class ReleaseOptionError(ValueError):
    """An option of `[release]` has an invalid value."""


def _problem(option: str, problem: str) -> ReleaseOptionError:
    return ReleaseOptionError(
        f"`[release].{option}` {problem}. Set it with PANTS_RELEASE_{option.upper()}, "
        f"--release-{option.replace('_', '-')} or in pants.toml."
    )


class ReleaseSubsystem(Subsystem):
    options_scope = "release"
    name = "release"
    help = "Archives of programs for download (`release_archive` targets)."

    _version = StrOption(
        default="dev",
        help=softwrap(
            """
            The version in the archives' names (`{version}`), for example a tag. Letters, digits, `.`, `_` and `-`.
            """
        ),
    )
    _commit = StrOption(
        default="",
        help=softwrap(
            """
            The commit that is built, in hexadecimal; empty to leave it out. If both are known, an
            executable whose manifest names another commit is refused.
            """
        ),
    )
    _source_date_epoch = IntOption(
        default=DEFAULT_SOURCE_DATE_EPOCH,
        help=softwrap(
            """
            The time of every member of an archive, in seconds since 1970-01-01T00:00:00Z. For a
            tagged build, set it to the commit's time; otherwise leave the default, so that equal
            contents give equal archives from one commit to the next.
            """
        ),
    )

    license_policy = StrOption(
        default=None,
        help=softwrap(
            """
            Path of a TOML file that lists the licences allowed inside an archive;
            `release/describe/licenses.py` documents the format. A distribution under another
            licence, or without one, fails the build. By default everything is allowed.
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
                f"(1980, the first year that a ZIP file can express) to {_LAST_EPOCH} (2107, the last)",
            )
        return self._source_date_epoch
