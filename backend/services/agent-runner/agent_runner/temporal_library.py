"""Load temporalio without gRPC's library. Import this before anything of temporalio.

temporalio talks to its server through a core in Rust. If `grpc` is installed, it imports that too,
for stubs that agent-runner does not call; a one-file executable then unpacks 17 MB before the
worker polls. The status reporter, which needs `grpc`, imports it later as usual.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import cast


@contextlib.contextmanager
def absent(name: str) -> Iterator[None]:
    """Make a module look uninstalled, unless it is already loaded."""
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
