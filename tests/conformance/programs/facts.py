"""What every program prints: lines of ``name: value``."""

import os
import subprocess
import sys


def fact(name, value):
    """Print a fact; ``value`` is called, and what it raises is a value too."""
    try:
        found = value()
    except BaseException as error:
        found = f"{type(error).__name__}: {error}"
    print(f"{name}: {found!r}", flush=True)


def this_program(*arguments):
    """The command that starts this program once more."""
    start = [] if getattr(sys, "frozen", False) else ["-m", "app.main"]
    return [sys.executable, *start, *arguments]


def run(command, **options):
    """Exit status and output of a command."""
    options = {"stdin": subprocess.DEVNULL, "timeout": 120, **options}
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.returncode, done.stdout, done.stderr.replace(os.linesep, "\n")
