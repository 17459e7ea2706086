"""Check the locks in 3rdparty/python for known vulnerabilities, with pip-audit, and interpreters by a table.

    ./pants run build_support:audit                  every lock, and what dist has of executables
    ./pants run build_support:audit -- agent-runner  only this lock
    ./pants run build_support:audit -- --bundled     only the executables in dist; needs no network
    ./pants run build_support:audit -- --dry-run     print the commands; needs no network

What executables in dist bundle of an interpreter is read from their manifests and compared with `cve_floors.toml`.

Exit codes: 0 no known vulnerability; 1 found one, or a lock cannot be audited; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cve_floors

FOLDER = Path("3rdparty/python")


def command(lock: Path) -> list[str]:
    """The pip-audit command for a lock, which is complete: nothing is resolved or installed."""
    return [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(lock)),
        *("--require-hashes", "--disable-pip", "--no-deps", "--strict"),
        *("--progress-spinner", "off", "--desc", "on", "--format", "markdown"),
    ]


def selected(names: Sequence[str]) -> list[Path]:
    """The locks of these names, or all; raises SystemExit for a name that has none."""
    known = {path.stem: path for path in sorted(FOLDER.glob("*.lock"))}
    unknown = [name for name in names if name not in known]
    if unknown or not known:
        there = ", ".join(known) or f"none in {FOLDER}: start this in the repository's root"
        raise SystemExit(f"audit: no lock {', '.join(unknown)}; there are {there}")
    return [known[name] for name in names] or list(known.values())


def bundled_is_sound() -> bool:
    """Print what is known of the interpreters in dist's executables; whether nothing of it is too old."""
    paths = sorted(Path("dist").rglob("*.manifest.json"))
    print(f"== {len(paths)} executables in dist", flush=True)
    lines, sound = cve_floors.audit(paths, datetime.date.today())
    for line in lines:
        print(line, flush=True)
    return sound


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./pants run build_support:audit --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="locks; default: all")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    parser.add_argument(
        "--bundled", action="store_true", help="only what executables bundle of an interpreter"
    )
    options = parser.parse_args(argv)
    sound = options.dry_run or bool(options.names) or bundled_is_sound()
    if options.bundled:
        return 0 if sound else 1
    # The program is started by its module: Pants puts its distributions on this path.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    bad = []
    for lock in selected(options.names):
        if options.dry_run:
            print(" ".join(["python", *command(lock)[1:]]))
            continue
        print(f"== {lock}", flush=True)
        if subprocess.run(command(lock), env=environment, check=False).returncode != 0:
            bad.append(lock.stem)
    if bad:
        print(
            f"audit: {', '.join(bad)}: upgrade the distributions named above, e.g. "
            "./pants run build_support:lock -- --upgrade DISTRIBUTION",
            file=sys.stderr,
        )
        return 1
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
