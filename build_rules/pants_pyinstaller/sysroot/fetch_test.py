"""Debian packages become a root directory, from a mirror that serves what is pinned or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pants_pyinstaller.sysroot import fetch, pin

CONTROL = (
    "Package: tool\nVersion: 1.0-1\nArchitecture: arm64\nMulti-Arch: same\nDescription: a tool\n"
)


def _tar(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def _deb() -> bytes:
    """A package in the format of deb(5)."""
    data = _tar(
        [
            (_member("./lib/tool/real.so", mode=0o755), b"library"),
            (_member("./usr/lib/tool/copy.so", tarfile.LNKTYPE, "./lib/tool/real.so"), b""),
            (_member("./usr/lib/tool/link.so", tarfile.SYMTYPE, "/lib/tool/real.so"), b""),
            (_member("./usr/share/doc/tool/copyright"), b"licence"),
            (_member("./usr/share/doc/tool/changelog.gz"), b"news"),
            (_member("./usr/share/man/man1/tool.1.gz"), b"manual"),
        ]
    )
    result = b"!<arch>\n"
    for name, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", _tar([(_member("./control"), CONTROL.encode())])),
        ("data.tar.xz", data),
    ):
        result += f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        result += content + b"\n" * (len(content) % 2)
    return result


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of an empty mirror, and its directory."""
    root = tmp_path / "mirror"
    (root / "pool").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", root
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pins(tmp_path: Path, content: bytes) -> str:
    package = {
        "name": "tool",
        "version": "1.0-1",
        "path": "pool/tool_1.0-1_arm64.deb",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    path = tmp_path / "pins.json"
    path.write_text(pin.format_pins("arm64", [package]))
    assert json.loads(path.read_text())["packages"] == [package]
    return str(path)


def test_a_package_s_files_lie_in_the_root(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, served = mirror
    (served / "pool/tool_1.0-1_arm64.deb").write_bytes(_deb())
    root = tmp_path / "root"
    assert fetch.main([_pins(tmp_path, _deb()), str(root), address]) == 0
    assert (root / "lib").readlink() == Path("usr/lib") if hasattr(Path, "readlink") else True
    library = root / "usr/lib/tool/real.so"
    assert library.read_bytes() == b"library"
    assert library.stat().st_mode & 0o777 == 0o755
    assert (root / "usr/lib/tool/copy.so").read_bytes() == b"library"
    link = root / "usr/lib/tool/link.so"
    assert link.is_symlink()
    assert link.resolve() == library.resolve()
    documentation = {path.name for path in (root / "usr/share").rglob("*") if path.is_file()}
    assert documentation == {"copyright"}
    status = (root / "var/lib/dpkg/status").read_text()
    assert status.startswith("Package: tool\nStatus: install ok installed\nVersion: 1.0-1\n")
    listed = (root / "var/lib/dpkg/info/tool:arm64.list").read_text().splitlines()
    assert "/lib/tool/real.so" in listed
    assert {path.name for path in root.iterdir()} >= set(fetch.MOUNT_POINTS)


@pytest.mark.parametrize("served", [None, b"another content"], ids=["superseded", "altered"])
def test_what_a_mirror_has_no_more_is_named_with_the_way_to_pin_again(
    tmp_path: Path, mirror: tuple[str, Path], served: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    address, folder = mirror
    if served is not None:
        (folder / "pool/tool_1.0-1_arm64.deb").write_bytes(served)
    assert fetch.main([_pins(tmp_path, _deb()), str(tmp_path / "root"), address]) == 1
    said = capsys.readouterr().err
    assert "tool 1.0-1" in said
    assert "sysroot/pin.py" in said
    assert "debian_mirror" in said
    assert ("404" in said) == (served is None)
