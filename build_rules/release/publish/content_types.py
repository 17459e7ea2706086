"""What a server should call the files of a release."""

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
    """The media type by the file's ending; raises ReleaseError for one that isn't known."""
    for ending, media_type in _TYPES.items():
        if name.endswith(ending):
            return media_type
    raise ReleaseError(f"{name} has no known type: its ending is none of {', '.join(_TYPES)}")
