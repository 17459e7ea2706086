"""Media types of a release's files."""

from __future__ import annotations

from release.errors import ReleaseError

_TYPES = {
    ".tar.gz": "application/gzip",
    ".zip": "application/zip",
    ".sha256": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".sh": "text/x-shellscript; charset=utf-8",
    ".ps1": "text/plain; charset=utf-8",
}


def content_type(name: str) -> str:
    """Look up the media type by the file's ending; raises ReleaseError for an unknown one."""
    for ending, media_type in _TYPES.items():
        if name.endswith(ending):
            return media_type
    raise ReleaseError(f"{name} has an unknown ending: known are {', '.join(_TYPES)}")
