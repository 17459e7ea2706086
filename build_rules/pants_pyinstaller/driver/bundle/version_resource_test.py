"""The version resource of a Windows executable."""

from __future__ import annotations

import pytest

from pants_pyinstaller.driver.bundle import version_resource


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("1.2.3", (1, 2, 3, 0)),
        ("v4.5", (4, 5, 0, 0)),
        ("1.2.3-rc.1", (1, 2, 3, 0)),
        ("1.2.3.4", (1, 2, 3, 4)),
        ("1.2.3.4.5", (0, 0, 0, 0)),
        ("2026.1.70000", (0, 0, 0, 0)),
        ("dev", (0, 0, 0, 0)),
        ("", (0, 0, 0, 0)),
    ],
)
def test_windows_compares_versions_by_four_numbers(
    version: str, numbers: tuple[int, int, int, int]
) -> None:
    assert version_resource.numbers(version) == numbers


def test_an_executables_properties_come_from_the_build_information() -> None:
    info = {"version": "1.2.3", "commit": "abc", "company": "ACME", "ticket": "T-1"}

    assert version_resource.strings("tool", info) == {
        "Comments": "commit abc",
        "CompanyName": "ACME",
        "FileDescription": "tool",
        "FileVersion": "1.2.3",
        "InternalName": "tool",
        "OriginalFilename": "tool.exe",
        "ProductName": "tool",
        "ProductVersion": "1.2.3",
    }
