"""The changelog of a release, from conventional commits, by git-cliff."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from release.errors import ReleaseError
from release.programs import installed_program

_CONFIGURATION = Path(__file__).with_name("cliff.toml")
_PROGRAM = "git-cliff"


def _run(command: list[str], repository: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=repository, capture_output=True, text=True, check=False, encoding="utf-8"
        )
    except OSError as error:
        raise ReleaseError(f"{command[0]} cannot be started: {error.strerror}") from error


def _commit(repository: Path, revision: str) -> str | None:
    done = _run(["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], repository)
    return done.stdout.strip() if done.returncode == 0 else None


def commit_time(repository: Path, revision: str = "HEAD") -> int:
    """The time of a commit, in seconds since 1970; raises ReleaseError if there is none."""
    done = _run(["git", "show", "--no-patch", "--format=%ct", f"{revision}^{{commit}}"], repository)
    if done.returncode != 0:
        raise ReleaseError(f"{repository} has no commit {revision}: {done.stderr.strip()}")
    return int(done.stdout)


def previous_tag(repository: Path, revision: str, prefix: str) -> str | None:
    """The newest tag with this prefix before `revision`; None if there is none."""
    for tag_free in (f"{revision}^", f"{revision}^2"):
        command = ["git", "describe", "--tags", "--abbrev=0", "--match", f"{prefix}*", tag_free]
        done = _run(command, repository)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def changelog(repository: Path, tag: str, prefix: str) -> str:
    """What changed since the last tag with this prefix, up to `tag`, as Markdown.

    A tag that doesn't exist yet stands for the checked-out commit. Raises ReleaseError if the
    repository cannot be read or lacks the history.
    """
    head = _commit(repository, f"refs/tags/{tag}") or _commit(repository, "HEAD")
    if head is None:
        raise ReleaseError(f"{repository} is not a Git repository with a commit")
    shallow = _run(["git", "rev-parse", "--is-shallow-repository"], repository)
    if shallow.stdout.strip() == "true":
        raise ReleaseError(
            f"{repository} is a shallow clone without the last release: run `git fetch --unshallow "
            "--tags`, or set `fetch-depth: 0` in a workflow"
        )
    previous = previous_tag(repository, head, prefix)
    span = head if previous is None else f"refs/tags/{previous}..{head}"
    command = [
        str(installed_program(_PROGRAM, of=_PROGRAM)),
        "--config",
        str(_CONFIGURATION),
        "--repository",
        str(repository),
        "--offline",
        "--tag-pattern",
        f"^{re.escape(prefix)}",
        "--tag",
        tag,
        span,
    ]
    done = _run(command, repository)
    if done.returncode != 0:
        raise ReleaseError(f"{_PROGRAM} failed: {done.stderr.strip() or done.returncode}")
    since = "the beginning" if previous is None else f"`{previous}`"
    return f"Changes since {since}:\n\n{done.stdout.strip() or 'None.'}\n"
