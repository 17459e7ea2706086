"""Writes docs/pyinstaller_binary_reference.md out of the help of fields and options.

./pants run build_rules/pants_pyinstaller/reference.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pants.engine.target import Field

from pants_pyinstaller import target_types
from pants_pyinstaller.subsystem import PyInstaller
from pants_pyinstaller.target_types import PyInstallerBinary

PAGE = Path("docs/pyinstaller_binary_reference.md")
_HEAD = """\
# Reference: the fields of `pyinstaller_binary` and the options of `[pyinstaller]`

Made of their own help by `./pants run build_rules/pants_pyinstaller/reference.py`; a test compares the two. Pants shows
the same: `pants help pyinstaller_binary`, `pants help-advanced pyinstaller`.

"""


def _text(help_: object) -> str:
    # Pants wraps help by its own rules: what is left are paragraphs.
    text = help_() if callable(help_) else str(help_)
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))


def _default(value: object) -> str:
    return "none" if value is None or value == () else f"`{value!r}`"


def fields() -> Iterator[str]:
    """A section for each field that is not one of Pants' own."""
    module = target_types.__name__
    own = [field for field in PyInstallerBinary.core_fields if field.__module__ == module]
    for field in sorted(own, key=lambda field: field.alias):
        required = issubclass(field, Field) and field.required
        default: object = getattr(field, "default", None)
        note = "Required." if required else f"Default: {_default(default)}."
        yield f"### `{field.alias}`\n\n{_text(field.help)}\n\n{note}\n"


def options() -> Iterator[str]:
    """A section for each option of `[pyinstaller]`."""
    for name, option in sorted(vars(PyInstaller).items()):
        if not hasattr(option, "get_flag_options"):
            continue
        declared = option.get_flag_options(PyInstaller)
        text, default = _text(declared["help"]), _default(declared["default"])
        yield f"### `{name}`\n\n{text}\n\nDefault: {default}.\n"


def page() -> str:
    """The whole page."""
    parts = ["## Fields\n", *fields(), "## Options\n", *options()]
    return _HEAD + "\n".join(parts)


def main() -> None:
    temporary = PAGE.with_suffix(".tmp")
    temporary.write_text(page(), "utf-8")
    temporary.replace(PAGE)
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
