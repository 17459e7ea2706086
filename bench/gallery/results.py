"""What is kept of a program's builds and runs, and what follows from it. Pure."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

UNFROZEN: Final = "unfrozen"
ONE_FILE: Final = "one-file"
ONE_DIR: Final = "one-dir"
PLAIN: Final = "plain"
FORMS: Final = (UNFROZEN, ONE_FILE, ONE_DIR, PLAIN)


@dataclass(frozen=True)
class Form:
    """One form of a program. Of what failed, the later fields are empty.

    build_s: CPU seconds of the build, of all its processes.
    size: bytes of the executable, or of all files of its folder.
    failure: why it was not built or did not end; the end of the text that the tool printed.
    status: exit status; negative: the signal.
    output: what it printed to standard output.
    errors: the end of what it printed to standard error.
    """

    build_s: float | None = None
    size: int | None = None
    failure: str = ""
    status: int | None = None
    output: str = ""
    errors: str = ""


@dataclass(frozen=True)
class Result:
    """One program in all its forms, by the names in `FORMS`.

    digest: of the program and its lock, as `Entry.digest` gives it.
    versions: of the distributions that the table shows.
    distributions: how many are installed.
    date: day of the run, in UTC. machine: its class, in a few words.
    tools: names and versions of the interpreter and of PyInstaller's distributions.
    """

    name: str
    digest: str
    date: str
    machine: str
    versions: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    distributions: int = 0
    forms: Mapping[str, Form] = field(default_factory=dict)


class Verdict(enum.Enum):
    """How a frozen form compares with the unfrozen one."""

    SAME = "same"
    DIFFERENT = "DIFFERENT"
    NOT_BUILT = "NOT BUILT"
    NOT_RUN = "not run"


def verdict(forms: Mapping[str, Form], name: str) -> Verdict:
    """Same exit status and the same standard output, or not; nothing is compared with a program
    that fails unfrozen."""
    reference, form = forms.get(UNFROZEN), forms.get(name)
    if reference is None or reference.status != 0 or form is None:
        return Verdict.NOT_RUN
    if form.failure and form.size is None:
        return Verdict.NOT_BUILT
    if (form.status, form.output) != (reference.status, reference.output):
        return Verdict.DIFFERENT
    return Verdict.SAME


def against_plain(forms: Mapping[str, Form]) -> str:
    """Our two modes against PyInstaller's own command line: better, as plain, WORSE or neither."""
    ours = [verdict(forms, name) for name in (ONE_FILE, ONE_DIR)]
    plain = verdict(forms, PLAIN)
    if Verdict.NOT_RUN in (*ours, plain):
        return "-"
    if all(one is Verdict.SAME for one in ours):
        return "as plain" if plain is Verdict.SAME else "better"
    return "WORSE" if plain is Verdict.SAME else "neither works"


def difference(forms: Mapping[str, Form], name: str) -> str:
    """In one line, how a form differs from the unfrozen one; empty if it does not."""
    found = verdict(forms, name)
    if found in (Verdict.SAME, Verdict.NOT_RUN):
        return ""
    reference, form = forms[UNFROZEN], forms[name]
    if form.failure:
        return cause(form.failure)
    if form.status != reference.status:
        return f"exit status {form.status}: {cause(form.errors)}"
    theirs, ours = reference.output.splitlines(), form.output.splitlines()
    for number, expected in enumerate(theirs):
        printed = ours[number] if number < len(ours) else None
        if printed != expected:
            return f"line {number + 1} is {printed!r}, unfrozen {expected!r}"
    return f"prints {len(ours)} lines, unfrozen {len(theirs)}"


def cause(text: str) -> str:
    """What a program or a tool says of its end: our driver's error and the line below it, or else
    the last line, which is most often the exception; not what PyInstaller's bootloader adds."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("[PYI-")]
    for number, line in enumerate(lines):
        if line.startswith("error: "):
            return " ".join(lines[number : number + 2])
    return lines[-1] if lines else "(it printed nothing)"


def scrubbed(text: str, folders: Mapping[str, str]) -> str:
    """The text without this machine's folders: each is replaced by its name, longest first."""
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, folders[folder])
    return text


def to_json(results: Mapping[str, Result]) -> str:
    """The results as JSON text, by name: equal results are equal bytes."""
    content = {name: dataclasses.asdict(results[name]) for name in results}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> dict[str, Result]:
    """The reverse of `to_json`."""
    return {name: result_of(content) for name, content in json.loads(text).items()}


def result_of(content: Mapping[str, Any]) -> Result:
    """One result of its JSON object."""
    forms = {name: Form(**form) for name, form in content["forms"].items()}
    return Result(**{**content, "forms": forms})
