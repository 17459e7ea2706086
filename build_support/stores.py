"""List and trim what Pants and its launcher keep on this machine. Runs without Pants.

    python3 build_support/stores.py                      what exists, how large, when last changed
    python3 build_support/stores.py trim --unused 30     remove entries unchanged for 30 days
    python3 build_support/stores.py trim NAME...         remove these, by the names in the list

Anything removed is made again when needed. Nothing is removed while Pants is running: its daemon
would continue with a store that is gone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DAY_S = 86400
_DOOMED = ".removed-"


class StoresError(Exception):
    """What is wrong, and what to do."""


@dataclass(frozen=True)
class Store:
    """One directory. size: bytes on the disk; changed: seconds since the epoch."""

    name: str
    path: Path
    size: int
    changed: float


def places(environment: Mapping[str, str]) -> dict[str, Path]:
    """Where Pants and the launcher keep things, by option and default of each."""
    home = environment.get("HOME") or str(Path.home())
    cache = Path(environment.get("XDG_CACHE_HOME") or Path(home, ".cache"), "pants")
    return {
        "lmdb_store": Path(environment.get("PANTS_LOCAL_STORE_DIR") or cache / "lmdb_store"),
        "named_caches": Path(environment.get("PANTS_NAMED_CACHES_DIR") or cache / "named_caches"),
        "setup": Path(environment.get("PANTS_SETUP_CACHE") or cache / "setup"),
    }


def directories(where: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The units of removal: the whole store, each named cache, each installation."""
    if where["lmdb_store"].is_dir():
        yield "lmdb_store", where["lmdb_store"]
    for part in ("named_caches", "setup"):
        if where[part].is_dir():
            for path in sorted(where[part].iterdir()):
                if path.is_dir() and not path.is_symlink() and not path.name.startswith(_DOOMED):
                    yield f"{part}/{path.name}", path


def measure(name: str, path: Path) -> Store:
    """Files with several links count once; files that vanish meanwhile are not counted."""
    size, changed = 0, 0.0
    seen = set()
    for folder, _, files in os.walk(path):
        for entry in (folder, *(os.path.join(folder, file) for file in files)):
            try:
                status = os.lstat(entry)
            except OSError:
                continue
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            size += getattr(status, "st_blocks", 0) * 512
            changed = max(changed, status.st_mtime)
    return Store(name, path, size, changed)


def choose(
    stores: Sequence[Store], names: Sequence[str], unused_days: int | None, now: float
) -> list[Store]:
    """What `trim` removes. Raises StoresError for an unknown name."""
    unknown = sorted(set(names) - {store.name for store in stores})
    if unknown:
        raise StoresError(
            f"no store named {', '.join(unknown)}; there are "
            + (", ".join(store.name for store in stores) or "none")
        )
    return [
        store
        for store in stores
        if store.name in names
        or (unused_days is not None and now - store.changed > unused_days * DAY_S)
    ]


def running_pants() -> list[str]:
    """Processes of Pants, `PID COMMAND`. Raises StoresError if `ps` fails."""
    try:
        done = subprocess.run(
            ["ps", "-axo", "pid=,command="], stdout=subprocess.PIPE, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise StoresError(f"ps can't say whether a Pants runs: {error}") from error
    return [
        line.strip()[:120]
        for line in done.stdout.splitlines()
        if line.split(None, 1)[1:] and line.split(None, 1)[1].startswith("pantsd [")
    ]


def remove(store: Store) -> None:
    """Rename first, then delete: nothing ever finds half a store."""
    doomed = store.path.with_name(f"{_DOOMED}{store.path.name}-{os.getpid()}")
    store.path.rename(doomed)
    shutil.rmtree(doomed)


def shown(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"


def table(stores: Sequence[Store], now: float) -> str:
    rows = [
        (store.name, shown(store.size), f"{max(0.0, now - store.changed) / DAY_S:.0f} days")
        for store in sorted(stores, key=lambda store: -store.size)
    ]
    rows.append(("all", shown(sum(store.size for store in stores)), ""))
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{name.ljust(width)}  {size:>12}  {age}" for name, size, age in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="stores.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("show", help="what there is; the default")
    trim = commands.add_parser("trim", help="remove some of it")
    trim.add_argument("names", nargs="*", metavar="NAME", help="a name that `show` prints")
    trim.add_argument("--unused", type=int, metavar="DAYS", help="what has not changed for so long")
    options = parser.parse_args(argv)
    if options.command == "trim" and not options.names and options.unused is None:
        trim.error("say what: names, or --unused DAYS")
    where = places(os.environ)
    now = time.time()
    try:
        stores = [measure(name, path) for name, path in directories(where)]
        if options.command != "trim":
            for name, path in where.items():
                print(f"{name}: {path}")
            print(table(stores, now))
            return 0
        chosen = choose(stores, options.names, options.unused, now)
        running = running_pants()
        if chosen and running:
            raise StoresError(
                "a Pants runs and may use what would be removed; end it first:\n  "
                + "\n  ".join(running)
            )
        for store in chosen:
            remove(store)
            print(f"removed {store.name}, {shown(store.size)}")
        if not chosen:
            print("nothing to remove")
    except StoresError as error:
        print(f"stores: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
