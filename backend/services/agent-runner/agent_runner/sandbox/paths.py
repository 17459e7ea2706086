"""Keeping a path inside a directory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


class OutsideSandbox(ValueError):
    """The path is, or leads by a symlink, outside of the sandbox."""


def inside(root: Path, path: str) -> Path:
    """The real file that the sandbox path names; `/` is `root`, relative paths start there too.

    Symlinks are resolved, also in parents and also when the last part does not exist; what then is
    still one is part of a loop.

    Raises:
        OutsideSandbox: it would leave `root` (which must be resolved already), or is not a path.
    """
    if "\0" in path:
        raise OutsideSandbox(f"Error: {path!r} is not a path")
    if ".." in PurePosixPath(path.replace("\\", "/")).parts:
        raise OutsideSandbox(f"Error: '{path}' is outside of the sandbox: '..' is not allowed")
    try:
        target = (root / path.lstrip("/\\")).resolve()
    except OSError as error:
        raise OutsideSandbox(f"Error: '{path}' cannot be resolved: {error}") from error
    if target != root and root not in target.parents:
        raise OutsideSandbox(f"Error: '{path}' is outside of the sandbox")
    if any(part.is_symlink() for part in (target, *target.parents) if part.is_relative_to(root)):
        raise OutsideSandbox(f"Error: '{path}' is a loop of symlinks")
    return target
