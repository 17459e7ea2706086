"""Write files so that readers never see half of one, and report progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from release.errors import ReleaseError

Log = Callable[[str], None]
"""Reports one line of progress."""


@contextmanager
def written_together(targets: Sequence[Path]) -> Iterator[dict[Path, Path]]:
    """Yield temporary names for files; once all are written, rename them in this order."""
    partial = {path: path.with_name(f".{path.name}.partial") for path in targets}
    try:
        for path in targets:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        for path, temporary in partial.items():
            temporary.replace(path)
    finally:
        for temporary in partial.values():
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write under a temporary name, then rename."""
    with written_together([path]) as partial:
        partial[path].write_text(text, encoding="utf-8", newline="\n")


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}") from error
