"""Freeze a program that lacks a module, and record what `./pants package` prints: the README's
picture.

make proof-picture PYTHON=python3.13
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from support import monorepo

REPOSITORY: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = REPOSITORY / "docs/images/proof-failure.svg"
COMMAND: Final = "./pants package services/invoices::"
BUILD: Final = """\
python_sources()

pyinstaller_binary(
    name="app",
    entry_point="invoices.main:main",
    excludes=["decimal"],  # "we never use it"
)
"""
MAIN: Final = """\
import statistics


def main() -> None:
    print(statistics.mean([3, 4]))
"""
WIDTH: Final = 104
"""Columns; longer lines are wrapped."""


def run() -> str:
    """Pants' output for the faulty program, in a new monorepo."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "monorepo")
        monorepo.make(REPOSITORY, root)
        program = root / "services/invoices"
        program.mkdir()
        (program / "BUILD").write_text(BUILD)
        (program / "main.py").write_text(MAIN)
        done = subprocess.run(
            ["./pants", "--no-pantsd", *COMMAND.split()[1:]],
            cwd=root,
            env={**os.environ, "PANTS_CACHE_REPORT_ENABLED": "false"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode != 1 or "frozen" not in done.stdout:
        raise SystemExit(f"not the failure of a proof:\n{done.stdout}")
    return done.stdout


def shown(output: str) -> list[str]:
    """The lines of the failure itself: no log prefix, no progress of the steps before it. Pure."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in output.splitlines()]
    start = next(
        number for number, line in enumerate(lines) if "do what" in line or "do frozen" in line
    )
    end = next(
        (number for number in range(start, len(lines)) if number > start and not lines[number]),
        len(lines),
    )
    kept = [f"$ {COMMAND}", *(re.sub(r"^[\d:.]+ \[\w+\] ", "", line) for line in lines[start:end])]
    return [part for line in kept for part in wrapped(line)]


def wrapped(line: str) -> list[str]:
    """The line in pieces of at most WIDTH columns, broken at spaces."""
    indent = " " * (len(line) - len(line.lstrip()) + 10)
    parts = []
    while len(line) > WIDTH:
        cut = line.rfind(" ", len(indent) + 1, WIDTH)
        cut = cut if cut > 0 else WIDTH
        parts.append(line[:cut])
        line = indent + line[cut:].lstrip()
    return [*parts, line]


def colour(line: str) -> str:
    """The colours of a terminal: the command white, the module and the remedy highlighted. Pure."""
    if line.startswith("$"):
        return "#ffffff"
    if "remedy:" in line:
        return "#7ee787"
    return "#ff7b72" if "frozen:" in line and "unfrozen:" not in line else "#c9d1d9"


def svg(lines: list[str]) -> str:
    """A terminal's picture. Pure."""
    width, height = WIDTH * 8 + 32, len(lines) * 20 + 52
    dots = "".join(
        f'<circle cx="{20 + 18 * number}" cy="18" r="5" fill="{fill}"/>'
        for number, fill in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    text = "\n".join(
        f'<text x="16" y="{52 + 20 * number}" fill="{colour(line)}" xml:space="preserve">'
        f"{html.escape(line)}</text>"
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="A build that the proof fails">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{dots}\n'
        "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', "
        f'monospace" font-size="13">\n{text}\n</g>\n</svg>\n'
    )


def main() -> None:
    PICTURE.write_text(svg(shown(run())), encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
