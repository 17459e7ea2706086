"""A diff as a pull request's summary shows it."""

from __future__ import annotations

from typing import Any

from pants_pyinstaller.explain.document import REASONS
from pants_pyinstaller.explain.sizes import readable
from pants_pyinstaller.explain.texts import where

_ROWS = 10


def render(answer: dict[str, Any]) -> str:
    """The Markdown text of a diff."""
    lines = [f"### What changed in `{answer['new']['name']}`", ""]
    changed = [
        *((row["name"], f"new, {row['version']}", row["change"]) for row in answer["added"]),
        *((row["name"], f"gone, was {row['version']}", row["change"]) for row in answer["removed"]),
        *(
            (
                row["name"],
                row["new"] if row["old"] == row["new"] else f"{row['old']} → {row['new']}",
                row["change"],
            )
            for row in answer["changed"]
        ),
    ]
    changed.sort(key=lambda row: -abs(row[2]))
    rows = [
        (label, f"{readable(row['old'])} → {readable(row['new'])}", row["change"])
        for label, row in answer["bytes"].items()
    ]
    if not changed and not answer["facts"] and not any(row[2] for row in rows):
        return "\n".join([*lines, "Nothing.", ""])
    lines += ["| | | bytes |", "|---|---|---:|"]
    lines += [f"| {name} | {what} | {_signed(size)} |" for name, what, size in rows]
    lines += [f"| `{name}` | {what} | {_signed(size)} |" for name, what, size in changed[:_ROWS]]
    lines += [f"| {row['name']} | {row['old']} → {row['new']} | |" for row in answer["facts"]]
    if len(changed) > _ROWS:
        lines += ["", f"and {len(changed) - _ROWS} more distributions"]
    for row in answer.get("largest", ()):
        if row["chain"]:
            lines += ["", f"`{row['name']}`, {_signed(row['change'])}: {row['chain'][0]['from']}"]
            for link in row["chain"]:
                place = f" ({where(link)})" if where(link) else ""
                lines.append(f"- {REASONS[link['reason']]} `{link['to']}`{place}")
    return "\n".join([*lines, ""])


def _signed(size: int) -> str:
    return ("+" if size > 0 else "") + readable(size) if size else "="
