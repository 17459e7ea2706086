"""Downloads the pinned Debian packages and lays them out as a root directory.

    PYTHON -E -s -S -m pants_pyinstaller.sysroot.fetch PINS OUTPUT MIRROR

PINS is the JSON that pin.py writes; MIRROR an address, or empty for the mirrors that apt knows.
What lies in OUTPUT follows from the pins alone, whatever mirror it came from: each file has to have
its pinned hash. OUTPUT gets empty mount points for dev, proc, tmp and w, and a package database in
which dpkg-query finds who owns a library.

Standard library only; runs on the building machine's Python.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import posixpath
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from pants_pyinstaller.sysroot.mirrors import MirrorError, download, mirrors

MOUNT_POINTS = ("dev", "proc", "tmp", "w")
_MERGED = ("bin", "lib", "lib64", "sbin")
# Nothing that is frozen reads these, and they are half of the files.
_LEFT_OUT = ("usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")
_DOCUMENTATION = "usr/share/doc"
_REPIN = "./pants run build_rules/pants_pyinstaller/sysroot/pin.py"


def ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the members of an `ar` archive, which a .deb is (see deb(5))."""
    if not data.startswith(b"!<arch>\n"):
        raise ValueError("no ar archive")
    place = 8
    while place < len(data):
        header = data[place : place + 60]
        name = header[:16].decode().rstrip().rstrip("/")
        size = int(header[48:58])
        yield name, data[place + 60 : place + 60 + size]
        place += 60 + size + size % 2


def is_wanted(path: str) -> bool:
    if path.startswith(_DOCUMENTATION + "/"):
        return posixpath.basename(path) == "copyright"
    return not any(path == left or path.startswith(left + "/") for left in _LEFT_OUT)


def extract(package: bytes, root: Path) -> tuple[str, list[str]]:
    """Lay a .deb's files out below `root`; returns its control record and its files' names."""
    control = ""
    names: list[str] = []
    for name, content in ar_members(package):
        if name.startswith("control.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                member = tar.extractfile("./control")
                assert member is not None
                control = member.read().decode()
        elif name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                for item in tar:
                    path = posixpath.normpath(item.name)
                    names.append("/." if path == "." else "/" + path)
                    if path != "." and is_wanted(path):
                        _write(tar, item, path, root)
    return control, names


def _merged(path: str) -> str:
    """Where a path lies with /bin, /lib and /sbin merged into /usr."""
    return f"usr/{path}" if path.split("/")[0] in _MERGED else path


def _write(tar: tarfile.TarFile, item: tarfile.TarInfo, name: str, root: Path) -> None:
    path = _merged(name)
    target = root / path
    if item.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if item.issym():
        link = item.linkname
        if link.startswith("/"):  # a link that leads into the root wherever it lies
            link = posixpath.relpath(_merged(link.lstrip("/")), posixpath.dirname(path))
        target.symlink_to(link)
    elif item.isreg() or item.islnk():
        content = tar.extractfile(item)
        assert content is not None
        target.write_bytes(content.read())
        target.chmod(0o755 if item.mode & 0o111 else 0o644)
    else:
        raise ValueError(f"{name} is neither file, directory nor link")


def record_package(control: str, names: list[str], root: Path) -> None:
    """Tell dpkg-query of a package."""
    fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line[:40])
    name = fields["Package"]
    if fields.get("Multi-Arch") == "same":
        name += ":" + fields["Architecture"]
    database = root / "var/lib/dpkg"
    (database / "info").mkdir(parents=True, exist_ok=True)
    (database / "info/format").write_text("1\n")
    (database / f"info/{name}.list").write_text("".join(f"{path}\n" for path in names))
    with (database / "status").open("a") as status:
        head, _, rest = control.partition("\n")
        status.write(f"{head}\nStatus: install ok installed\n{rest.rstrip()}\n\n")


def fetch(packages: list[dict[str, str]], mirror: str, folder: Path) -> dict[str, Path]:
    """Download what is pinned; returns package -> file. Raises MirrorError with what to do."""
    files = {package["name"]: folder / Path(package["path"]).name for package in packages}
    said = []
    bases = mirrors(mirror)
    for base in bases:
        missing = [package for package in packages if not files[package["name"]].exists()]
        if not missing:
            break
        said.append(
            download(base, [(p["path"], files[p["name"]], p["sha256"]) for p in missing]).strip()
        )
        for package in missing:
            file = files[package["name"]]
            if file.exists() and sha256_of(file) != package["sha256"]:
                file.unlink()
    missing = [package for package in packages if not files[package["name"]].exists()]
    if missing:
        listed = "\n".join(f"  {package['name']} {package['version']}" for package in missing)
        raise MirrorError(
            f"these pinned Debian packages can't be had from {', '.join(bases)}:\n{listed}\n"
            f"apt said:\n{_tail(said)}\n"
            "Mirrors drop a version that a newer one supersedes: pin what they have now with\n"
            f"  {_REPIN}\n"
            "or name a mirror that has it in [pyinstaller].debian_mirror."
        )
    return files


def _tail(said: list[str]) -> str:
    lines = [line for text in said for line in text.splitlines() if line[:2] in ("E:", "W:", "Er")]
    return "\n".join(f"  {line}" for line in (lines or said)[-6:])


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_root(pins: str, output: Path, mirror: str) -> None:
    packages = json.loads(pins)["packages"]
    for name in ("bin", "lib", "sbin"):
        (output / "usr" / name).mkdir(parents=True)
        (output / name).symlink_to(f"usr/{name}")
    for name in MOUNT_POINTS:
        (output / name).mkdir()
    (output / "etc").mkdir()
    (output / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (output / "etc/group").write_text("root:x:0:\n")
    downloads = output.parent / "packages"
    downloads.mkdir()
    files = fetch(packages, mirror, downloads)
    for package in packages:
        control, names = extract(files[package["name"]].read_bytes(), output)
        record_package(control, names, output)
    if (output / "usr/lib64").is_dir():  # where x86-64 programs look for their loader
        (output / "lib64").symlink_to("usr/lib64")


def main(arguments: list[str]) -> int:
    pins, output, mirror = arguments
    os.umask(0o022)
    try:
        make_root(Path(pins).read_text(), Path(output), mirror)
    except MirrorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
