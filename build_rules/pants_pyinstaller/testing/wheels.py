"""Small distributions, made and installed on the spot."""

from __future__ import annotations

import base64
import hashlib
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    metadata: str = "",
    entry_points: str = "",
) -> Path:
    """A wheel with these files; ``metadata`` are further header lines."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    content = {
        path: data.encode() if isinstance(data, str) else data for path, data in files.items()
    }
    content[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n".encode()
    )
    content[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    content[f"{info}/RECORD"] = ("\n".join([*lines, f"{info}/RECORD,,"]) + "\n").encode()
    target = folder / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return target


def install(wheel: Path, site: Path) -> None:
    """Unpack a wheel, as installers do for ``--target``."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def an_extension(name: str = "_bisect") -> bytes:
    """A native module of this interpreter: content for a planted one."""
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    return next(
        path for path in sorted(folder.iterdir()) if path.name.startswith(name + ".")
    ).read_bytes()
