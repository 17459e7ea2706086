"""The output of an exercise, unfrozen and frozen: made comparable, compared, and explained."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..analysis import selection
from ..errors import DriverError
from . import compare, exercise_recorder, runs

_LINES = 60
_WIDTH = 300
_TRACEBACK = "Traceback (most recent call last)"
_UNREACHABLE = (
    "Network is unreachable",
    "Temporary failure in name resolution",
    "Name or service not known",
    "No address associated with hostname",
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+\b")
# A bundle holds no sources: below a frame of a traceback, and below a warning, only unfrozen programs show the line.
_FRAME = re.compile(r'(?m)^([ \t]*)File "([^"\n]*)", (line \d+[^\n]*\n)(?:\1 +[^\n]*\n)*')
_WARNING = re.compile(r"(?m)^(?:<bundle>[/\\])?(\S[^\n]*:\d+: \w*Warning: [^\n]*\n)(?:  [^\n]*\n)?")
_STARTERS = ("<frozen runpy>", "<string>")


@dataclass(frozen=True)
class Side:
    """One run.

    :param status: exit status; negative: a signal.
    :param overdue: its time was up.
    :param out, err: what it wrote, as it is.
    :param places: directory or file -> what it is called in a comparison.
    """

    status: int
    overdue: bool
    out: str
    err: str
    places: Mapping[str, str]

    def describe_end(self) -> str:
        """How it ended, for a message."""
        if self.overdue:
            return "did not end"
        return f"signal {-self.status}" if self.status < 0 else str(self.status)


def patterns(ignore: Mapping[str, str]) -> list[re.Pattern[str]]:
    """The regular expressions of ``ExerciseRequest.ignore``.

    :raises DriverError: one that is none, or that has no reason.
    """
    found = []
    for text, reason in ignore.items():
        if not reason.strip():
            raise DriverError(f"exercise_ignore: {text!r} needs the reason why it may differ")
        try:
            found.append(re.compile(text))
        except re.error as error:
            raise DriverError(
                f"exercise_ignore: {text!r} is not a regular expression: {error}"
            ) from None
    return found


def comparable(
    text: str, places: Mapping[str, str], program: str, ignored: Sequence[re.Pattern[str]]
) -> str:
    """``text`` without what differs between any two runs: directories, addresses, source lines in tracebacks.

    :param program: the program's name, with or without a suffix.
    """
    for path in sorted(places, key=len, reverse=True):
        text = text.replace(path, places[path])
    text = re.sub(r"<temporary>[/\\]_MEI\w+", "<bundle>", text)
    name = re.escape(program)
    text = re.sub(
        rf"(?:\S*python[\d.]* -m (?:[\w.]+\.)?)?\b{name}(?:\.py|\.exe)?\b", "<program>", text
    )
    text = _ADDRESS.sub("0x…", text)
    text = _FRAME.sub(_frame, text)
    text = _WARNING.sub(r"\1", text)
    for pattern in ignored:
        text = pattern.sub("…", text)
    return text


def _frame(match: re.Match[str]) -> str:
    indent, file, rest = match.groups()
    if file.startswith(_STARTERS) or exercise_recorder.NAME in file:
        return ""
    file = re.sub(r"^<(?:bundle|program)>[/\\]", "", file)
    return f'{indent}File "{file}", {rest}'


def refuse_failing(
    name: str, side: Side, how: str, limit: int, ignored: Sequence[re.Pattern[str]]
) -> None:
    """An exercise that fails on its own proves nothing.

    :raises DriverError: it ended with another status than 0, was overdue, or printed a traceback that is not ignored.
    """
    output = side.out + side.err
    for pattern in ignored:
        output = pattern.sub("…", output)
    if side.overdue:
        raise DriverError(
            f"the exercise {name} did not end within {limit} s ({how}):\n{_tail(side)}\n"
            "It and everything that it started was ended. If it needs that long, raise exercise_timeout; "
            "if it waits for something, give it that."
        )
    if side.status == 0 and _TRACEBACK not in output:
        return
    what = (
        f"fails {how} ({'exit status ' if side.status > 0 else ''}{side.describe_end()})"
        if side.status
        else f"prints a traceback {how}"
    )
    advice = (
        "An exercise has to succeed with the target's own interpreter and lock before there is anything to compare."
        if side.status
        else "An exercise in which something fails proves nothing. If the traceback is meant to be, accept it in "
        "exercise_ignore = {regular expression: reason}."
    )
    if any(sign in output for sign in _UNREACHABLE):
        advice += "\nIt has no network but loopback. If it needs one, set exercise_network=True."
    raise DriverError(f"the exercise {name} {what}:\n{_tail(side)}\n{advice}")


def _tail(side: Side) -> str:
    lines = (side.out + side.err).rstrip().splitlines()
    shown = ["  | " + line[:_WIDTH] for line in lines[-_LINES:]]
    return "\n".join(shown or ["  | (no output)"])


def difference(
    name: str,
    program: str,
    unfrozen: Side,
    frozen: Side,
    ignored: Sequence[re.Pattern[str]],
    excludes: Sequence[str],
) -> str | None:
    """What a person has to know of a difference between two runs; None where there is none."""
    lines = []
    if (unfrozen.status, unfrozen.overdue) != (frozen.status, frozen.overdue):
        lines.append(
            f"  exit status  unfrozen: {unfrozen.describe_end()}  frozen: {frozen.describe_end()}"
        )
    for what in ("out", "err"):
        one, other = (
            comparable(getattr(side, what), side.places, program, ignored)
            for side in (unfrozen, frozen)
        )
        if one != other:
            lines.append(f"  standard {'output' if what == 'out' else 'error'}:")
            lines += _diff(one, other)
    if not lines:
        return None
    cause, remedy = _explain(name, frozen, excludes)
    return "\n".join(
        [
            f"  {name}",
            *("  " + line for line in lines),
            f"    cause:  {cause}",
            f"    remedy: {remedy}",
        ]
    )


def _diff(one: str, other: str) -> list[str]:
    found = list(
        difflib.unified_diff(
            one.splitlines(), other.splitlines(), "unfrozen", "frozen", lineterm="", n=2
        )
    )
    shown = ["    " + line[:_WIDTH] for line in found[:_LINES]]
    if len(found) > _LINES:
        shown.append(f"    … and {len(found) - _LINES} more lines")
    return shown


def _explain(name: str, frozen: Side, excludes: Sequence[str]) -> tuple[str, str]:
    raised = re.findall(r"(?m)^(?:[\w.]+\.)?(\w+): (.*)$", frozen.err)
    raised = [item for item in raised if item[0][0].isupper()]
    absent = re.search(r"No module named '?([\w.]+)", frozen.err)
    if absent and selection.is_under(absent[1], excludes):
        return f"the target excludes the module {absent[1]}", "take it out of excludes"
    if raised and _TRACEBACK in frozen.err:
        outcome = runs.Outcome(raised[-1])
        found = compare.explain(name, runs.Outcome(None), outcome)
        return found.cause, found.remedy
    if frozen.overdue:
        return "the frozen program waits for something or repeats itself", "see its output above"
    if frozen.status < 0:
        return f"the frozen program was ended by signal {-frozen.status}", "see its output above"
    return (
        "something that the exercise prints depends on where or how the program runs",
        "print only what has to be the same, or accept it in exercise_ignore = {regular expression: reason}",
    )
