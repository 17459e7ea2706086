"""What the trace imports."""

from __future__ import annotations

import dataclasses
from typing import Any

from pants_pyinstaller.driver import index, trace


def test_test_suites_that_nothing_uses_are_not_traced() -> None:
    names = [
        "lib",
        "lib.tests",
        "lib.tests.slow",
        "kit",
        "kit.tests",
        "kit.tests.used",
        "user",
        "tests",
    ]
    nodes = [index.Node("module", []) for _ in names]
    nodes[names.index("lib.tests.slow")].edges.append(names.index("lib.tests"))
    nodes[names.index("user")].edges.append(names.index("kit.tests.used"))
    nothing: dict[str, Any] = dict.fromkeys(
        item.name for item in dataclasses.fields(index.Index) if item.init
    )
    layer = index.Index(**{**nothing, "names": names, "nodes": nodes})
    assert trace._unused_tests(layer) == {"lib.tests", "lib.tests.slow", "kit.tests"}
