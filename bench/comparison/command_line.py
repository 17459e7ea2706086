"""Options shared by the benchmarks' command lines."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def can_measure() -> bool:
    """Whether this machine's processes can be measured; if not, print why.

    It also turns SIGTERM into an exception, so that the benchmark's daemons end with it.
    """
    if not sys.platform.startswith("linux"):
        say("needs Linux: the daemon's CPU time is read from /proc")
        return False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return True


def launcher_cache() -> Path:
    """The folder of the launcher's installations."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PANTS_SETUP_CACHE") or Path(cache_home, "pants/setup"))


def some_of(kind: str, names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A type for argparse: a comma-separated choice of `names`, each a `kind`."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(filter(None, text.split(",")))
        unknown = sorted(set(chosen) - set(names))
        if unknown or not chosen:
            raise argparse.ArgumentTypeError(
                f"no {kind} named {', '.join(unknown) or '(nothing)'}; there are {', '.join(names)}"
            )
        return chosen

    return parse


def numbers(text: str) -> tuple[int, ...]:
    """A type for argparse: numbers from 1, separated by commas; none for an empty text."""
    parts = tuple(filter(None, text.split(",")))
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers, such as 1,10,100")
    return tuple(map(int, parts))


def write(path: Path, content: Mapping[str, object]) -> None:
    """Write the content as JSON, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
