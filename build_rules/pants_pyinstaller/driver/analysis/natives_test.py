"""Stripped libraries, and those that an interpreter brings."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.analysis import interpreter, natives


def test_stripped_library_with_misaligned_segment_is_not_sound() -> None:
    def elf(offset: int) -> bytes:
        header = (
            b"\x7fELF\x02\x01\x01"
            + bytes(9)
            + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        )
        return (
            header
            + struct.pack("<IIQQQQQQ", 1, 5, offset, 0x1000, 0, 16, 16, 0x1000)
            + bytes(0x3000)
        )

    assert natives.is_sound_elf(elf(0x1000), elf(0x1000))
    assert not natives.is_sound_elf(elf(0x1000), elf(0x1008))


def test_libraries_of_the_interpreter_are_described_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Windows Python does it, whose libraries no package manager knows."""
    prefix = tmp_path / "python"
    (prefix / "DLLs").mkdir(parents=True)
    for name in ("libssl.dll", "_queue.pyd"):
        (prefix / "DLLs" / name).write_text(name)
    entry = {"package": "OpenSSL", "version": "3.0.15", "license": "Apache-2.0"}
    monkeypatch.setattr(sys, "base_prefix", str(prefix))
    assert interpreter.own_libraries() == {"libraries": {}, "texts": {}}
    (prefix / contract.INTERPRETER_LIBRARIES).write_text(
        json.dumps({"libraries": {"DLLs/libssl.dll": entry}, "texts": {"OpenSSL": "text"}})
    )

    found = natives.described_libraries(
        {name: str(prefix / "DLLs" / name) for name in ("libssl.dll", "_queue.pyd")},
        str(prefix),
        interpreter.own_libraries()["libraries"],
    )

    digest = hashlib.sha256(b"libssl.dll").hexdigest()
    assert found == {"libssl.dll": {"name": "libssl.dll", "sha256": digest, **entry}}
