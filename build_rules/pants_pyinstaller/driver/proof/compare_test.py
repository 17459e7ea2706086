"""Outcomes compared."""

from __future__ import annotations

import pytest

from pants_pyinstaller.driver.proof import compare


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            r"cannot import name 'x' from 'y' (Z:\tmp\a\python\Lib\y\__init__.py)",
            r"cannot import name 'x' from 'y' (<root>\y\__init__.py)",
            True,
        ),
        (
            r"cannot import name 'x' from 'y' (Z:\tmp\a\y\__init__.py)",
            r"cannot import name 'other' from 'y' (<root>\y\__init__.py)",
            False,
        ),
    ],
)
def test_outcomes_differ_by_more_than_where_files_lie(one: str, other: str, same: bool) -> None:
    assert compare.same(("ImportError", one), ("ImportError", other)) is same
