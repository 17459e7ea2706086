"""The messages where Wine or the compiler is missing."""

from __future__ import annotations

import pytest

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.toolchains import wine


def test_the_packages_of_missing_programs_are_named_once() -> None:
    missing = ["wine", "wineserver", f"{wine.MINGW}gcc"]

    with pytest.raises(FreezeError) as raised:
        wine.check_installed(missing)

    assert all(name in str(raised.value) for name in missing)
    assert str(raised.value).endswith("apt-get install wine wine64 gcc-mingw-w64-x86-64")


def test_nothing_is_said_where_all_is_there() -> None:
    wine.check_installed([])
