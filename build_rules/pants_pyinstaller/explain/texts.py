"""Answers as a person reads them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pants_pyinstaller.explain.document import REASONS
from pants_pyinstaller.explain.sizes import readable

_FEW = 10


def render(answer: dict[str, Any]) -> str:
    """The text of an answer, ending with a line break."""
    return "\n".join(_RENDERERS[answer["question"]](answer)) + "\n"


def table(rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """``rows`` in columns; those in ``right`` are aligned to the right."""
    kept = [list(row) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[i]) for row in kept) for i in range(len(kept[0]))]
    to_right = set(right)
    return [
        "  "
        + "  ".join(
            text.rjust(width) if i in to_right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in kept
    ]


def _some(items: Sequence[str], count: int = _FEW) -> str:
    more = len(items) - count
    return ", ".join(items[:count]) + (f" and {more} more" if more > 0 else "")


def _bytes(found: dict[str, Any]) -> str:
    return f"{readable(found['packed'])} shipped, {readable(found['unpacked'])} unpacked"


def _rows(rows: Iterable[dict[str, Any]]) -> list[str]:
    head = ["", "shipped", "unpacked", "modules", "files"]
    body = [
        [
            row["name"],
            readable(row["packed"]),
            readable(row["unpacked"]),
            str(row["modules"]),
            str(row["files"]),
        ]
        for row in rows
    ]
    return table([head, *body], (1, 2, 3, 4))


def _summary(answer: dict[str, Any]) -> list[str]:
    program, size = answer["program"], answer["bytes"]
    lines = [
        f"{program['name']}: {program['mode']}, {program['platform']}, {program['python']}, "
        f"PyInstaller {program['pyinstaller']}",
        f"  {_bytes(size)}; {answer['modules']} modules, {answer['natives']} native files, "
        f"{answer['data']} data files, {answer['distributions']} of {answer['locked']} locked distributions",
    ]
    if answer["floor"]:
        lines.append(f"  runs on {answer['floor']['system']} {answer['floor']['version']} or newer")
    for title, key in (("By kind", "by_kind"), ("By origin", "by_origin")):
        lines += ["", f"{title}:", *_rows(answer[key])]
    shown = answer["by_part"][:15]
    lines += ["", "By distribution:", *_rows(shown)]
    if len(answer["by_part"]) > len(shown):
        lines.append(f"  and {len(answer['by_part']) - len(shown)} more: --largest=N or --json")
    if answer["host_libraries"]:
        lines += ["", "Libraries of the building machine:"]
        lines += table(
            [item["name"], f"{item['package'] or 'no known package'} {item['version'] or ''}"]
            for item in answer["host_libraries"]
        )
    for title, key in (
        ("What the proof ran", "proof"),
        ("Accepted differences", "accepted"),
        ("Warnings", "warnings"),
    ):
        if answer[key]:
            lines += ["", f"{title}:", *(f"  {text}" for text in answer[key])]
    if answer["excludes"]:
        lines += ["", f"Left out by excludes: {', '.join(answer['excludes'])}"]
    if answer["not_selected"]:
        lines += ["", f"In the lock, not in the bundle: {_some(answer['not_selected'], 30)}"]
    if answer["unresolved_imports"]:
        names = sorted(answer["unresolved_imports"])
        lines += ["", f"Import by names that only the run knows: {_some(names)}"]
    return lines


def _title(answer: dict[str, Any]) -> str:
    text = f"{answer['name']}: {answer['kind']}"
    if answer.get("distribution") and answer["kind"] != "distribution":
        text += f" of {answer['distribution']}"
    elif answer.get("package"):
        text += f" of the building machine ({answer['package']})"
    elif answer.get("distribution"):
        text += f" {answer['distribution'].rpartition(' ')[2]}"
    elif answer.get("origin") == "interpreter":
        text += " of the interpreter"
    elif answer.get("origin") == "application":
        text += " of the application"
    if answer.get("bytes"):
        text += f", {_bytes(answer['bytes'])}"
        whole = answer.get("distribution_bytes")
        if whole and answer["kind"] == "module":
            text += f" (the whole distribution: {_bytes(whole)})"
    return text


def where(link: dict[str, Any]) -> str:
    """``file:line`` or what else is known of the place of a reason."""
    if link["line"]:
        return f"{link['detail']}:{link['line']}"
    return str(link["detail"])


def chain(links: Sequence[dict[str, Any]]) -> list[str]:
    """A chain, one step a line, with the place of each."""
    if not links:
        return []
    rows = [[f"{REASONS[link['reason']]} {link['to']}", where(link)] for link in links]
    return [f"  {links[0]['from']}", *("  " + line for line in table(rows))]


def _why(answer: dict[str, Any]) -> list[str]:
    lines = [_title(answer), "", *chain(answer["chain"])]
    if "reasons" in answer:
        lines += ["", f"All {len(answer['reasons'])} direct reasons:"]
        lines += table(
            [link["from"], f"{REASONS[link['reason']]} {link['to']}", where(link)]
            for link in answer["reasons"]
        )
    elif answer["reasons_count"] > 1:
        lines += ["", f"{answer['reasons_count']} direct reasons in all: --all lists them"]
    return lines


def _why_not(answer: dict[str, Any]) -> list[str]:
    if answer["inside"]:
        return [f"{_title(answer)}: {answer['because']}; {answer['remedy']}"]
    lines = [
        _title(answer),
        f"  It is not in the bundle: {answer['because']}.",
        f"  To get it in: {answer['remedy']}.",
    ]
    importers = answer.get("importers") or []
    if importers:
        lines += ["", "Used by:"]
        lines += table(
            [
                item["name"],
                item.get("how") or item.get("distribution") or item.get("part") or "",
                ""
                if "how" in item
                else "in the bundle"
                if item.get("inside")
                else "not in the bundle",
            ]
            for item in importers[:_FEW]
        )
        if len(importers) > _FEW:
            lines.append(f"  and {len(importers) - _FEW} more")
    return lines


def _largest(answer: dict[str, Any]) -> list[str]:
    lines = ["Parts:"]
    lines += table(
        [
            ["shipped", "unpacked", "", "brought by"],
            *(
                [readable(row["packed"]), readable(row["unpacked"]), row["name"], row["brought_by"]]
                for row in answer["parts"]
            ),
        ],
        (0, 1),
    )
    lines += ["", "Modules and files:"]
    lines += table(
        [
            ["shipped", "unpacked", "", "of", "brought by"],
            *(
                [
                    readable(row["packed"]),
                    readable(row["unpacked"]),
                    row["name"],
                    row["part"],
                    row["brought_by"],
                ]
                for row in answer["things"]
            ),
        ],
        (0, 1),
    )
    return lines


def _without(answer: dict[str, Any]) -> list[str]:
    if not answer["inside"]:
        return [f"{_title(answer)}: it is not in the bundle"]
    size = answer.pop("bytes")
    lines = [_title(answer), ""]
    answer["bytes"] = size
    lines.append(
        f"  Without it, {_bytes(size)} would leave: {answer['modules']} modules, "
        f"{len(answer['things']) - answer['modules'] - len(answer['distributions'])} files, "
        f"{len(answer['distributions'])} distribution{'s' if len(answer['distributions']) != 1 else ''}"
    )
    if answer["distributions"]:
        lines.append(f"  Distributions: {_some(answer['distributions'], 30)}")
    if answer["excludes"]:
        lines.append(f"  Fields: excludes={answer['excludes']}".replace("'", '"'))
    elif answer["kind"] == "file":
        lines.append("  No field leaves out a single file: exclude what brings it (--why).")
    for field in answer.get("fields", ()):
        lines.append(f"  The field {field} names it: take it out there as well.")
    if answer.get("stays", {}).get("packed") and not answer.get("fields"):
        lines.append(f"  Stays: {readable(answer['stays']['packed'])} of its metadata and data")
    lines += ["", "Largest of it:"]
    lines += table(
        ([readable(row["packed"]), row["name"], row["part"]] for row in answer["things"][:_FEW]),
        (0,),
    )
    if answer["users"]:
        lines += ["", f"What stays and asks for it ({len(answer['users'])}):"]
        lines += table(
            [link["from"], f"{REASONS[link['reason']]} {link['to']}", where(link)]
            for link in answer["users"][:_FEW]
        )
        if len(answer["users"]) > _FEW:
            lines.append(f"  and {len(answer['users']) - _FEW} more: --json")
    return lines


def _diff(answer: dict[str, Any]) -> list[str]:
    old, new = answer["old"], answer["new"]
    lines = [f"{old['name']} -> {new['name']}"]
    lines += table(
        (
            [label, *(readable(n) for n in (row["old"], row["new"])), _change(row["change"])]
            for label, row in answer["bytes"].items()
        ),
        (1, 2, 3),
    )
    for row in answer["facts"]:
        lines.append(f"  {row['name']}: {row['old']} -> {row['new']}")
    for row in answer.get("largest", ()):
        if row["chain"]:
            lines += ["", f"{row['name']} ({_change(row['change'])}), brought by:"]
            lines += chain(row["chain"])
    for title, key in (
        ("Distributions added", "added"),
        ("Distributions removed", "removed"),
    ):
        if answer[key]:
            lines += ["", f"{title}:"]
            lines += table(
                (
                    [f"{row['name']} {row['version']}", _change(row["change"])]
                    for row in answer[key]
                ),
                (1,),
            )
    if answer["changed"]:
        lines += ["", "Distributions changed:"]
        lines += table(
            (
                [
                    row["name"],
                    row["old"] if row["old"] == row["new"] else f"{row['old']} -> {row['new']}",
                    _change(row["change"]),
                ]
                for row in answer["changed"]
            ),
            (2,),
        )
    for kind in ("modules", "files"):
        found = answer[kind]
        if found is None:
            lines += ["", f"{kind.capitalize()}: not recorded on both sides"]
            continue
        for title, key in (("added", "added"), ("removed", "removed")):
            if found[key]:
                lines += ["", f"{kind.capitalize()} {title} ({len(found[key])}):"]
                lines += table(
                    ([row["name"], _change(row["change"])] for row in found[key][:_FEW]), (1,)
                )
        if found["changed"]:
            lines += ["", f"{kind.capitalize()} of another size ({len(found['changed'])}):"]
            lines += table(
                ([row["name"], _change(row["change"])] for row in found["changed"][:_FEW]), (1,)
            )
    for title, key in (("added", "added"), ("removed", "removed"), ("changed", "changed")):
        if answer["host_libraries"][key]:
            lines += ["", f"Libraries of the building machine, {title}:"]
            lines += [f"  {text}" for text in answer["host_libraries"][key]]
    if len(lines) == 1 + len(answer["bytes"]) and not any(
        row["change"] for row in answer["bytes"].values()
    ):
        lines.append("  No difference.")
    return lines


def _finished(answer: dict[str, Any]) -> list[str]:
    lines = [f"{answer['name']}: {', '.join(f'{k} {v}' for k, v in answer['facts'].items())}"]
    counts = [
        f"{readable(answer[key])} {key}"
        for key in ("shipped", "unpacked")
        if answer[key] is not None
    ]
    counts += [f"{answer[key]} {key}" for key in ("modules", "files") if answer[key] is not None]
    lines.append(f"  {', '.join(counts)}")
    lines += ["", *_distributions(answer["distributions"])]
    if answer["host_libraries"]:
        lines += ["", "Libraries of the building machine:"]
        lines += table(answer["host_libraries"].items())
    if answer["interpreter_libraries"]:
        lines += ["", "Libraries that the interpreter brings:"]
        lines += table(
            [item["name"], f"{item['package']} {item['version']}"]
            for item in answer["interpreter_libraries"]
        )
    for kind, found in answer["notes"].items():
        lines += ["", f"{kind}:", *(f"  {text}" for text in found)]
    return lines


def _distributions(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["Distributions: not recorded (no manifest lies beside the file)"]
    return [
        "Distributions, unpacked:",
        *table(([readable(row["size"]), f"{row['name']} {row['version']}"] for row in rows), (0,)),
    ]


def _finished_largest(answer: dict[str, Any]) -> list[str]:
    lines = _distributions(answer["distributions"])
    lines += [
        "",
        "Modules and files, shipped:" if answer["things"] else "Modules and files: not recorded",
    ]
    lines += table(
        ([readable(row["size"]), row["name"], row["kind"]] for row in answer["things"]), (0,)
    )
    return lines


def _change(size: float) -> str:
    return ("+" if size > 0 else "") + readable(size) if size else "="


_RENDERERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "summary": _summary,
    "why": _why,
    "why-not": _why_not,
    "largest": _largest,
    "without": _without,
    "diff": _diff,
    "finished": _finished,
    "finished-largest": _finished_largest,
}
