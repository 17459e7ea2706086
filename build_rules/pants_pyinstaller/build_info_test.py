from __future__ import annotations

import pytest

from pants_pyinstaller.build_info import fill, placeholders


def test_values_of_options_and_literal_braces() -> None:
    template = "v{release.version} of {tools.sub.name}, {{as is}}"
    assert placeholders(template) == [("release", "version"), ("tools.sub", "name")]
    options: dict[str, dict[str, object]] = {
        "release": {"version": "1.2"},
        "tools.sub": {"name": None},
    }
    assert fill(template, options) == "v1.2 of , {as is}"


@pytest.mark.parametrize("template", ["{version}", "{}", "{release.version!r}", "{release.}", "{"])
def test_anything_else_in_braces_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"form|brace|'\}'"):
        placeholders(template)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"\[release\] has no 'versoin'"):
        fill("{release.versoin}", {"release": {"version": "1"}})
