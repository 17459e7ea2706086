"""Install a Python built for old systems, and print the setting that makes `./pants` use it.

    standalone_python.py 3.13.0                     PANTS_PYTHONS=.../pants/pythons/cpython-3.13.0-.../bin
    standalone_python.py 3.13 >> "$GITHUB_ENV"

It comes from python-build-standalone, needs glibc 2.17 or macOS 10.15, and has its own OpenSSL. The
uv that 3rdparty/python/uv.lock pins knows its URL and its SHA-256. An executable needs at least the
system that its Python was built for.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bootstrap


def install(version: str, pythons: Path) -> Path:
    """The directory that holds `python3.13`, for such a version, in `pythons`.

    Raises bootstrap.BootstrapError: uv knows no such version, or could not get it.
    """
    with tempfile.TemporaryDirectory() as work:
        tool = Path(work, "uv")
        bootstrap.make_venv(Path(sys.executable), tool, bootstrap.LOCKS / "uv.lock")
        uv = str(tool / "bin" / "uv")
        bootstrap.run(
            [uv, "python", "install", "--no-bin", "--install-dir", str(pythons), version],
            f"installing Python {version}",
        )
    minor = ".".join(version.split(".")[:2])
    found = {
        path.resolve().parent
        for path in pythons.glob(f"cpython-{version}[.-]*/bin/python{minor}")
        if bootstrap.real_interpreter(path, minor)
    }
    if not found:
        raise bootstrap.BootstrapError(f"uv installed no usable Python {version} in {pythons}")
    return max(found, key=lambda folder: [int(part) for part in re.findall(r"\d+", str(folder))])


def main(argv: Sequence[str]) -> int:
    if len(argv) != 2 or argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    try:
        folder = install(argv[1], Path(cache, "pants", "pythons"))
    except bootstrap.BootstrapError as error:
        bootstrap.say(str(error))
        return 1
    print(f"PANTS_PYTHONS={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
