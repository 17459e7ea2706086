"""An executable for macOS, written by PyInstaller's own code with Apple's tools replaced by a record of their calls.

Nothing here shows that the result runs; it shows what is asked for, and in which order.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.bundle import executable
from pants_pyinstaller.testing.freezer import tool_directory

BOOTLOADER = b"Mach-O bootloader"
ARCHIVE = b"CArchive"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """macOS as PyInstaller sees it: (tool, arguments after the file, whether the archive is in the file)."""
    sys.path.append(str(tool_directory()))
    from PyInstaller.building import api

    made: list[tuple[Any, ...]] = []

    def tool(name: str, result: Any = None) -> Any:
        def record(path: str, *arguments: Any, **_: Any) -> Any:
            whole = Path(path).is_file() and Path(path).read_bytes().endswith(ARCHIVE)
            made.append((name, *arguments, whole))
            return result

        return record

    versions = {"libpython": (11, 0, 0), "program": (14, 2, 0)}
    tools = types.SimpleNamespace(
        binary_to_target_arch=tool("target-arch"),
        remove_signature_from_binary=tool("remove-signature"),
        update_exe_identifier=tool("identifier"),
        fix_exe_for_code_signing=tool("fix-headers"),
        get_macos_sdk_version=lambda path: versions[Path(path).name],
        set_macos_sdk_version=tool("sdk-version"),
        sign_binary=tool("sign"),
    )
    loader = tmp_path / "run"
    loader.write_bytes(BOOTLOADER)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(executable, "_machine", lambda: "arm64")
    monkeypatch.setattr(api, "is_darwin", True)
    monkeypatch.setattr(api, "is_linux", False)
    monkeypatch.setattr(api, "osxutils", tools, raising=False)
    monkeypatch.setattr(api.EXE, "_bootloader_file", lambda *_: str(loader))
    return made


def write(tmp_path: Path, **fields: Any) -> Path:
    (tmp_path / "bundle.pkg").write_bytes(ARCHIVE)
    request = contract.AssembleRequest("layer", "app", "tool", "out", "program", **fields)
    output = tmp_path / "out" / "program"
    output.parent.mkdir()
    executable.write(request, str(tmp_path / "bundle.pkg"), str(output), "libpython", False)
    return output


def test_it_is_signed_last_ad_hoc_and_for_one_architecture(
    tmp_path: Path, calls: list[tuple[Any, ...]]
) -> None:
    output = write(tmp_path)
    assert output.read_bytes() == BOOTLOADER + ARCHIVE
    names = [call[0] for call in calls]
    assert names == [
        *("target-arch", "remove-signature", "identifier", "fix-headers", "sdk-version", "sign"),
    ]
    by_name = {call[0]: call[1:] for call in calls}
    assert by_name["target-arch"] == ("arm64", False)
    # The archive is in the file when its headers are fixed and it is signed, and not before.
    assert by_name["remove-signature"] == (False,)
    assert by_name["fix-headers"] == (True,)
    assert by_name["sign"] == (None, None, True)
    # The program must not claim a newer SDK than its Python was built with.
    assert by_name["sdk-version"] == (11, 0, 0, True)


def test_an_identity_and_entitlements_reach_codesign(
    tmp_path: Path, calls: list[tuple[Any, ...]]
) -> None:
    identity = "Developer ID Application: Name (TEAM)"
    write(tmp_path, codesign_identity=identity, entitlements="app.entitlements")
    assert calls[-1] == ("sign", identity, "app.entitlements", True)


def test_elsewhere_an_identity_means_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    from PyInstaller.building import api

    monkeypatch.setattr(api.EXE, "assemble", lambda exe: seen.append(exe))
    monkeypatch.setattr(sys, "platform", "linux")
    write(tmp_path, codesign_identity="Developer ID Application: Name (TEAM)")
    assert (seen[0].codesign_identity, seen[0].target_arch) == (None, None)
