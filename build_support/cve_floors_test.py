"""Which bundled releases are too old, and when the table is."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
import tomllib
from cve_floors import TABLE, Bundled, audit, judge, stale

TODAY = datetime.date(2026, 12, 1)
KNOWN = tomllib.loads(TABLE.read_text(encoding="utf-8"))


def manifest(folder: Path, version: str, **libraries: str) -> Path:
    path = folder / "program.manifest.json"
    described = [{"package": name, "version": value} for name, value in libraries.items()]
    interpreter = {"implementation": "CPython", "version": version, "libraries": described}
    path.write_text(json.dumps({"interpreter": interpreter}))
    return path


@pytest.mark.parametrize(
    ("component", "version", "accepted"),
    [
        ("CPython", "3.13.0", False),
        ("CPython", "3.13.11", True),
        ("CPython", "3.13.14", None),
        ("CPython", "3.12.1", None),  # another series, of which the table says nothing
        ("OpenSSL", "3.0.15", False),
        ("OpenSSL", "3.0.18", None),
        ("SQLite", "3.45.3.0", False),
        ("SQLite", "3.50.4.0", None),
        ("libffi", "3.4.4", None),
    ],
)
def test_a_release_below_its_floor_is_named(
    component: str, version: str, accepted: bool | None
) -> None:
    found = judge(Bundled("a", component, version), KNOWN, TODAY)
    assert (None if found is None else found[1]) is accepted


def test_what_is_accepted_is_so_for_a_time() -> None:
    item = Bundled("a", "CPython", "3.13.11")
    late = judge(item, KNOWN, datetime.date(2027, 3, 1))
    assert late is not None
    assert late[1] is False


def test_an_old_table_fails_by_itself() -> None:
    assert stale(KNOWN, KNOWN["date"]) is None
    lines, sound = audit([], KNOWN["date"] + datetime.timedelta(days=KNOWN["days"] + 1))
    assert not sound
    assert "91 days old" in lines[0]


def test_a_manifest_is_read(tmp_path: Path) -> None:
    old = manifest(tmp_path, "3.13.0", OpenSSL="3.0.15", zlib="1.3.1")
    lines, sound = audit([old], TODAY)
    assert not sound
    assert [line.partition(" is older than")[0] for line in lines] == [
        f"{old}: CPython 3.13.0",
        f"{old}: OpenSSL 3.0.15",
    ]
    lines, sound = audit([manifest(tmp_path, "3.13.11", OpenSSL="3.0.18")], TODAY)
    assert sound
    assert "accepted until 2027-02-28" in lines[0]
