"""Loads temporalio without gRPC's own library. To be imported before anything of temporalio.

temporalio speaks to its server through a core in Rust. When `grpc` is installed it imports that too,
for stubs which agent-runner does not call; in a one-file executable that means unpacking 17 MB before the
worker polls. Who needs `grpc` (the status reporter) imports it afterwards as ever.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import cast


@contextlib.contextmanager
def absent(name: str) -> Iterator[None]:
    """As if the module were not installed, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    # Python's documented way to make an import fail.
    sys.modules[name] = cast(ModuleType, None)
    try:
        yield
    finally:
        del sys.modules[name]


with absent("grpc"):
    import temporalio.service  # noqa: F401
