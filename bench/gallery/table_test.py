from __future__ import annotations

import dataclasses

import pytest

from gallery.entries import Entry
from gallery.results import (
    ONE_DIR,
    ONE_FILE,
    PLAIN,
    UNFROZEN,
    Form,
    Result,
    Verdict,
    against_plain,
    cause,
    difference,
    from_json,
    scrubbed,
    to_json,
    verdict,
)
from gallery.table import page, summary

GOOD = Form(build_s=3, size=2_000_000, status=0, output="one\ntwo\n")
OTHER = Form(build_s=3, size=1, status=0, output="one\n2\n")
FAILED = Form(build_s=3, size=1, status=1, output="one\n", errors="Traceback\nImportError: numpy\n")
UNBUILT = Form(failure="Error: odd file\n")
HUNG = Form(build_s=3, size=1, failure="did not end within 300 s", output="one\ntwo\n")
ENTRY = Entry("demo", "Demo", ("demo",))


def result(one_file: Form = GOOD, one_dir: Form = GOOD, plain: Form = GOOD) -> Result:
    forms = {UNFROZEN: GOOD, ONE_FILE: one_file, ONE_DIR: one_dir, PLAIN: plain}
    return Result(
        "demo",
        "digest",
        "2024-02-29",
        "Linux x86_64, 2 cores, 8 GiB",
        {"demo": "1.2"},
        {"Python": "3.13"},
        4,
        forms,
    )


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (GOOD, Verdict.SAME),
        (OTHER, Verdict.DIFFERENT),
        (FAILED, Verdict.DIFFERENT),
        (HUNG, Verdict.DIFFERENT),
        (UNBUILT, Verdict.NOT_BUILT),
    ],
)
def test_equal_output_and_equal_status_are_the_same(form: Form, expected: Verdict) -> None:
    assert verdict(result(one_file=form).forms, ONE_FILE) is expected


def test_a_program_that_fails_unfrozen_is_compared_with_nothing() -> None:
    forms = {UNFROZEN: FAILED, ONE_FILE: FAILED, ONE_DIR: FAILED, PLAIN: FAILED}
    assert verdict(forms, ONE_FILE) is Verdict.NOT_RUN
    assert against_plain(forms) == "-"


@pytest.mark.parametrize(
    ("one_file", "one_dir", "plain", "expected"),
    [
        (GOOD, GOOD, GOOD, "as plain"),
        (GOOD, GOOD, OTHER, "better"),
        (GOOD, OTHER, GOOD, "WORSE"),
        (UNBUILT, UNBUILT, GOOD, "WORSE"),
        (GOOD, OTHER, FAILED, "neither works"),
    ],
)
def test_both_modes_count_against_plain(
    one_file: Form, one_dir: Form, plain: Form, expected: str
) -> None:
    assert against_plain(result(one_file, one_dir, plain).forms) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (GOOD, ""),
        (OTHER, "line 2 is '2', unfrozen 'two'"),
        (FAILED, "exit status 1: ImportError: numpy"),
        (UNBUILT, "Error: odd file"),
        (HUNG, "did not end within 300 s"),
        (Form(size=1, status=0, output="one\ntwo\nthree\n"), "prints 3 lines, unfrozen 2"),
    ],
)
def test_a_difference_is_told_in_a_line(form: Form, expected: str) -> None:
    assert difference(result(one_file=form).forms, ONE_FILE) == expected


def test_results_survive_json() -> None:
    results = {"demo": result(plain=UNBUILT)}
    assert from_json(to_json(results)) == results


def test_the_page_shows_failures_and_what_was_not_run() -> None:
    entries = [ENTRY, Entry("later", "Later", ("later",))]
    text = page(entries, {"demo": result(one_file=FAILED, one_dir=FAILED)})
    assert "1.2 | DIFFERENT | DIFFERENT | same | WORSE | 3 (3), 3 | 0.0, 0.0, 2.0 |" in text
    assert "- **Demo**, one-file and one-dir: `exit status 1: ImportError: numpy`" in text
    assert "Not run yet, or changed since: Later." in text
    assert "Of the 1 programs that were run, 0 give" in text
    assert "and 1 do when plain" in text
    assert "2024-02-29, Linux x86_64, 2 cores, 8 GiB; Python 3.13." in text


def test_a_page_without_failures_has_no_such_section() -> None:
    text = page([ENTRY], {"demo": result()})
    assert "What differs" not in text
    assert summary([ENTRY], {"demo": result()}).startswith(
        "Of the 1 programs that were run, 1 give"
    )


def test_no_path_of_a_machine_stays() -> None:
    text = scrubbed("/a/b/home/x and /a/b/y", {"/a/b": "SCRATCH", "/a/b/home": "HOME"})
    assert text == "HOME/x and SCRATCH/y"


def test_several_distributions_are_named_with_their_versions() -> None:
    entry = Entry("demo", "Demo with more", ("demo", "more"))
    several = dataclasses.replace(result(), versions={"demo": "1.2", "more": "3"})
    assert "main.py): demo 1.2, more 3 | same" in page([entry], {"demo": several})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Traceback\nKeyError: 1\n[PYI-7:ERROR] Failed to execute script 'main'\n", "KeyError: 1"),
        ("[1s] layer\nerror: it is odd:\n  a.py: why\nMend it.\n", "error: it is odd: a.py: why"),
        ("\n", "(it printed nothing)"),
    ],
)
def test_the_cause_is_found_in_what_was_printed(text: str, expected: str) -> None:
    assert cause(text) == expected
