from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery.entries import ENTRIES, MAIN, ROOM, Entry

PIN = re.compile(r"^[a-z0-9.-]+==\S+", re.MULTILINE)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_program_has_a_lock_with_hashes_and_no_index(entry: Entry) -> None:
    assert (entry.folder / MAIN).is_file()
    text = entry.lock.read_text()
    pins = PIN.findall(text)
    names = {pin.split("==")[0] for pin in pins}
    assert set(entry.shown) <= names
    for block in re.split(r"\n(?=[a-z])", text):
        assert "--hash=sha256:" in block
    assert "://" not in text


def test_every_folder_and_every_lock_belongs_to_a_program() -> None:
    names = {entry.name for entry in ENTRIES}
    assert {path.name for path in (ROOM / "programs").iterdir()} == names
    assert {path.stem for path in (ROOM / "locks").iterdir()} == names


def test_data_is_what_an_entry_names(tmp_path: Path) -> None:
    for name in ("main.py", "scripts/page.py", "page.html", "other/more.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    class Elsewhere(Entry):
        folder = tmp_path

    entry = Elsewhere("demo", "Demo", (), data=("scripts", "page.html"))
    assert [path.name for path in entry.data_files()] == ["page.html", "page.py"]


def test_a_changed_program_has_another_digest(tmp_path: Path) -> None:
    def digests() -> Iterator[str]:
        for text in ("one", "two", "one"):
            (tmp_path / "main.py").write_text(text)
            yield Elsewhere("demo", "Demo", ()).digest()

    class Elsewhere(Entry):
        folder = tmp_path
        lock = tmp_path / "lock"

    (tmp_path / "lock").write_text("")
    first, second, third = list(digests())
    assert first == third != second
