"""What a person is told when a freeze fails."""

from __future__ import annotations

from pants.engine.process import FallibleProcessResult
from pants.util.docutil import bin_name

# What the driver exits with for a mistake that a person can mend; its message stands on its own.
_EXPLAINED = 1


class FreezeError(Exception):
    """A freeze that cannot go on, with what to do about it."""


def require_success(
    result: FallibleProcessResult, *, what: str, repeat: str | None = None, hint: str = ""
) -> None:
    """Raises FreezeError with the process's own words unless it succeeded.

    `repeat` is the address whose packaging repeats the process.
    """
    if result.exit_code == 0:
        return
    output = "\n".join(
        part.strip() for part in (result.stdout.decode(), result.stderr.decode()) if part.strip()
    )
    lines = [f"{what} failed (exit code {result.exit_code}).", "", output or "(no output)"]
    if hint:
        lines += ["", hint]
    if repeat is not None:
        lines += [
            "",
            f"To look into its sandbox: {bin_name()} --keep-sandboxes=on_failure package {repeat}",
            "Pants then prints the sandbox's path; `sh __run.sh` in it repeats this step alone.",
        ]
    raise FreezeError("\n".join(lines))
