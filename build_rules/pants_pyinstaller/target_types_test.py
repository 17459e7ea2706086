"""A mistake in a BUILD file is answered with the target, the field and what to write instead."""

from __future__ import annotations

import pytest
from pants.build_graph.address import Address
from pants.engine.target import InvalidTargetException

from pants_pyinstaller.target_types import PyInstallerBinary

ADDRESS = Address("src/app", target_name="bin")


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("hidden_imports", ["plugins/extra.py"], "dotted name of a module"),
        ("excludes", ["python-dateutil"], "dotted name of a module"),
        ("collect", ["tzdata/zoneinfo"], "name of a distribution"),
        ("python_options", ["--utf8"], "X <key>"),
        ("python_options", ["OO"], "set the field `optimize`"),
        ("contents_directory", "../lib", "name of a directory"),
        ("optimize", 3, "expected 0, 1 or 2"),
        ("mode", "onefile", "one-file"),
        ("proof", "yes", "closure"),
        ("proof_allow", {"some.module": " "}, "reason"),
        ("exercise_timeout", 0, "number of seconds"),
        ("exercise_ignore", {"took": " "}, "no reason"),
        ("exercise_ignore", {"took (": "a time"}, "not a regular expression"),
        ("build_info", {"version": 1}, "build_info"),
        ("entry_point", ":main", "entry point"),
    ],
)
def test_wrong_value(field: str, value: object, remedy: str) -> None:
    with pytest.raises(InvalidTargetException) as caught:
        PyInstallerBinary({"entry_point": "app.main:main", field: value}, ADDRESS)
    message = str(caught.value)
    assert "src/app:bin" in message
    assert remedy in message


def test_unknown_field_and_missing_entry_point() -> None:
    with pytest.raises(InvalidTargetException, match="hiddenimports"):
        PyInstallerBinary({"entry_point": "app", "hiddenimports": []}, ADDRESS)
    with pytest.raises(InvalidTargetException, match="entry_point"):
        PyInstallerBinary({}, ADDRESS)


def test_right_values() -> None:
    target = PyInstallerBinary(
        {
            "entry_point": "app.main:main",
            "hidden_imports": ["app.plugins.extra"],
            "collect": ["python-dateutil", "tzdata"],
            "python_options": ["u", "W ignore::DeprecationWarning", "X dev", "hash_seed=0"],
            "proof_allow": {"some.module": "needs a display"},
        },
        ADDRESS,
    )
    assert target.address == ADDRESS
