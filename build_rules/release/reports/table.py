"""Markdown tables, and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

UNKNOWN = "–"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table. A column whose title starts with `>` is right-aligned."""
    titles = [column.removeprefix(">") for column in columns]
    rule = "|".join("---:" if column.startswith(">") else "---" for column in columns)
    return [_line(titles), f"|{rule}|", *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def megabytes(size: int | None) -> str:
    return UNKNOWN if size is None else f"{size / 1e6:.1f} MB"


def seconds(value: float | None, digits: int = 1) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f} s"
