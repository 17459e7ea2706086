"""The files that a packager lays beside an executable to say what is inside. Both are optional.

`EXECUTABLE.manifest.json`   see release/manifest.py
`EXECUTABLE.notices.json`    a JSON list with one `Component` for each third-party component inside
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Optional

from release.manifest import Manifest

MANIFEST_SUFFIX = ".manifest.json"
NOTICES_SUFFIX = ".notices.json"
SUFFIXES = (MANIFEST_SUFFIX, NOTICES_SUFFIX)


@dataclass(frozen=True)
class NoticeText:
    file: str
    text: str


@dataclass(frozen=True)
class Component:
    """A third-party component, with the texts that its authors want passed on, in any order.

    license: an SPDX expression or the words of a classifier.
    """

    name: str
    version: str
    license: Optional[str] = None
    texts: tuple[NoticeText, ...] = ()


def with_licenses(components: Iterable[Component], manifest: Manifest) -> tuple[Component, ...]:
    """Give components without a licence the one that the manifest states."""
    stated = {(d.name, d.version): d.stated_license for d in manifest.distributions}
    return tuple(
        c if c.license else replace(c, license=stated.get((c.name, c.version))) for c in components
    )
