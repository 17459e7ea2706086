"""Tags, and the versions that they name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from release.errors import ReleaseError
from release.platforms import version_problem

_SEMANTIC = re.compile(r"(?P<base>\d+\.\d+\.\d+)(-(?P<suffix>[0-9A-Za-z.-]+))?")


@dataclass(frozen=True)
class ReleaseVersion:
    """A tag's version.

    tag         whole, e.g. `agent-runner-v0.1.0-test`: part of the archives' names
    number      what follows the prefix, e.g. `0.1.0-test`
    base        its X.Y.Z, for comparing final releases
    prerelease  whether it must not become the latest version
    """

    tag: str
    number: str
    base: Version
    prerelease: bool


def parse_tag(tag: str, prefix: str) -> ReleaseVersion:
    """Read a tag such as `agent-runner-v1.2.3` or `agent-runner-v1.2.3-rc.1`.

    Accepts semantic versions and Python's own (1.2.3rc1). Raises ReleaseError for others.
    """
    example = f"for example {prefix}1.2.3 or {prefix}1.2.3-rc.1"
    if not tag.startswith(prefix):
        raise ReleaseError(f"the tag {tag!r} doesn't start with {prefix!r}: {example}")
    problem = version_problem(tag)
    if problem is not None:
        raise ReleaseError(f"the tag {problem}: {example}")
    number = tag[len(prefix) :]
    semantic = _SEMANTIC.fullmatch(number)
    if semantic is not None:
        return ReleaseVersion(
            tag, number, Version(semantic["base"]), semantic["suffix"] is not None
        )
    try:
        version = Version(number)
    except InvalidVersion as error:
        raise ReleaseError(f"the tag {tag!r} names no version: {example}") from error
    return ReleaseVersion(tag, number, Version(version.base_version), version.is_prerelease)
