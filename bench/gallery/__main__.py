"""Freezes programs that use well-known packages, and compares them with themselves unfrozen.

    make gallery PYTHON=python3.13                      what has no result, or an old one
    make gallery ONLY=numpy,pandas PYTHON=python3.13    these, again
    PYTHONPATH=bench:build_rules python3.13 -m gallery --help

Each program has a scratch directory, which is removed afterwards (tens of thousands of files), and a
time limit. Its result goes to docs/compatibility.json at once, and docs/compatibility.md is made of
that file.
"""

from __future__ import annotations

import argparse
import dataclasses
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from gallery.entries import ENTRIES, Entry, named
from gallery.one import RESULT, end
from gallery.results import (
    ONE_DIR,
    ONE_FILE,
    PLAIN,
    Form,
    Result,
    against_plain,
    cause,
    from_json,
    to_json,
    verdict,
)
from gallery.table import megabytes, page, seconds

REPOSITORY: Final = Path(__file__).resolve().parents[2]
KEPT: Final = REPOSITORY / "docs/compatibility.json"
_GRACE_S: Final = 30
PAGE: Final = REPOSITORY / "docs/compatibility.md"


def say(text: str) -> None:
    print(f"gallery: {text}", file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """The text, complete or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def kept() -> dict[str, Result]:
    return from_json(KEPT.read_text()) if KEPT.exists() else {}


def keep(result: Result | None) -> None:
    """Add a result to those that there are, and make the page again."""
    results = kept()
    if result is not None:
        results[result.name] = result
        write(KEPT, to_json(results))
    old = {entry.name for entry in out_of_date(results)}
    write(PAGE, page(ENTRIES, {name: one for name, one in results.items() if name not in old}))


def measured(entry: Entry, folder: Path) -> Result | None:
    """Build and run a program in `folder`, within its time; None when nothing at all is known."""
    log = folder / "log.txt"
    reason = ""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gallery.one", entry.name, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(entry.timeout_s)
        except subprocess.TimeoutExpired:
            reason = f"was not built within {entry.timeout_s} s"
        finally:
            process.terminate()  # it ends the program that it runs, which has its own session
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            end(process.pid)
            process.wait()
    if process.returncode and not reason:
        said = log.read_text(errors="replace")
        reason = f"the gallery failed: {cause(said)}"
        say(f"{entry.name}: {said}")
    result = folder / RESULT
    if not result.exists():
        return None
    return completed(from_json(result.read_text())[entry.name], reason)


def completed(result: Result, reason: str) -> Result:
    """With the forms that are missing, and why."""
    missing = {name: Form(failure=reason) for name in (ONE_FILE, ONE_DIR, PLAIN)} if reason else {}
    return dataclasses.replace(result, forms={**missing, **result.forms})


def line(result: Result) -> str:
    """What is printed of a program."""
    forms = result.forms
    parts = [
        f"{name} {verdict(forms, name).value}, {seconds(form.build_s)} s, {megabytes(form.size)} MB"
        for name in (ONE_FILE, ONE_DIR, PLAIN)
        for form in [forms.get(name, Form())]
    ]
    return f"{result.name}: {against_plain(forms)}; {'; '.join(parts)}"


def out_of_date(results: Mapping[str, Result]) -> list[Entry]:
    """The entries that have no result of this program and this lock."""
    return [
        entry
        for entry in ENTRIES
        if entry.name not in results or results[entry.name].digest != entry.digest()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gallery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="names of programs, separated by commas")
    parser.add_argument(
        "--page", action="store_true", help="make the page of what is known; run nothing"
    )
    parser.add_argument("--scratch", type=Path, help="keep the scratch directories, in this folder")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    entries = [] if arguments.page else named(arguments.only) or out_of_date(kept())
    for entry in entries:
        with ExitStack() as stack:
            if arguments.scratch:
                folder = arguments.scratch / entry.name
                folder.mkdir(parents=True)
            else:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gallery-")))
            result = measured(entry, folder)
        if result is None:
            say(f"{entry.name}: no result")
            continue
        keep(result)
        say(line(result))
    keep(None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
