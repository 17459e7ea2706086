"""Which wheels uv is asked for."""

from __future__ import annotations

import pytest

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.platforms import PLATFORMS
from pants_pyinstaller.wheels import GLIBC_LEVELS, wheel_arguments

LINUX = ("--python-platform", PLATFORMS["linux-arm64"].wheels)


def test_the_lowest_glibc_is_asked_for_first() -> None:
    asked = [platform for _, platform in wheel_arguments(LINUX, "")]
    assert asked[:2] == ["aarch64-manylinux_2_17", "aarch64-manylinux_2_28"]
    assert len(asked) == len(GLIBC_LEVELS)


@pytest.mark.parametrize(("floor", "level"), [("2.28", "2_28"), ("2.30", "2_28"), ("2.41", "2_40")])
def test_a_floor_leaves_the_newest_level_that_it_allows(floor: str, level: str) -> None:
    assert wheel_arguments(LINUX, floor) == (("--python-platform", f"aarch64-manylinux_{level}"),)


@pytest.mark.parametrize("floor", ["2", "2_28", "2.5", "manylinux2014"])
def test_a_floor_that_nothing_can_be_taken_for(floor: str) -> None:
    with pytest.raises(FreezeError, match=rf"\[pyinstaller\]\.glibc_floor is '?{floor}"):
        wheel_arguments(LINUX, floor)


def test_other_systems_have_one_choice() -> None:
    windows = ("--python-platform", PLATFORMS["windows-amd64"].wheels)
    assert wheel_arguments(windows, "2.28") == (windows,)
