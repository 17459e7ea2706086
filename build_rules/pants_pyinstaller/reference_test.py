"""The reference says what the help says."""

from __future__ import annotations

from pants_pyinstaller import reference


def test_the_page_is_up_to_date() -> None:
    assert reference.PAGE.read_text("utf-8") == reference.page(), (
        "./pants run build_rules/pants_pyinstaller/reference.py"
    )


def test_every_field_and_option_has_its_section() -> None:
    page = reference.page()
    for name in ("entry_point", "exercises", "mode", "build_from_source", "install_from_resolve"):
        assert f"### `{name}`\n" in page
    assert "<function" not in page
