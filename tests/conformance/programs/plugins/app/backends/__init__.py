"""Backends of the program."""

import importlib

KNOWN = ("one", "two")


def load(name):
    if name not in KNOWN:
        raise ValueError(name)
    return importlib.import_module(f"{__package__}.{name}")
