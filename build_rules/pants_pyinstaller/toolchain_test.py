"""Which interpreter a target is frozen by."""

from __future__ import annotations

import pytest
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.build_graph.address import Address

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.toolchain import interpreter_constraints

UNIVERSE = ("3.9", "3.10", "3.11", "3.12")
BIN = Address("src/app", target_name="bin")
ALLOWED = ["CPython>=3.10,<3.15"]


def test_what_the_target_asks_for_is_taken_as_it_is_where_it_may_be() -> None:
    asked = ["CPython==3.11.*"]
    assert interpreter_constraints(ALLOWED, asked, UNIVERSE, BIN) == InterpreterConstraints(asked)


def test_wider_constraints_are_narrowed() -> None:
    found = interpreter_constraints(ALLOWED, ["CPython>=3.9"], UNIVERSE, BIN)
    assert found.minimum_python_version(UNIVERSE) == "3.10"


@pytest.mark.parametrize("asked", ["CPython==3.13.*", "CPython==3.9.*"])
def test_an_interpreter_that_nobody_can_give(asked: str) -> None:
    with pytest.raises(FreezeError, match=r"src/app:bin.*interpreter_versions_universe.*universe"):
        interpreter_constraints(ALLOWED, [asked], UNIVERSE, BIN)
