"""A frozen program finds what the unfrozen one finds, or what plain PyInstaller gives where they have to differ."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conformance.conftest import KINDS, Program
from pants_pyinstaller.driver import contract

_RAISED = re.compile(r"[\"'][A-Za-z]+(Error|Exit): ")
MODES = (contract.ONE_FILE, contract.ONE_DIR)


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_works_unfrozen(program: Callable[[str], Program], kind: str) -> None:
    """Otherwise both sides could fail alike."""
    unfrozen = program(kind).unfrozen
    assert unfrozen.status == 0, unfrozen.stderr
    raised = {name for name, value in unfrozen.facts.items() if _RAISED.match(value)}
    assert raised <= {"absent"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_as_unfrozen(program: Callable[[str], Program], kind: str, mode: str) -> None:
    found = program(kind)
    frozen = found.frozen[mode]
    expected = {
        name: found.plain.facts.get(name) if name in found.differences else value
        for name, value in found.unfrozen.facts.items()
    }
    wrong = [
        f"{name}: expected {value}, found {frozen.facts.get(name)}"
        for name, value in expected.items()
        if frozen.facts.get(name) != value
    ]
    assert not wrong, "\n".join([*wrong, frozen.stderr])
    assert set(frozen.facts) == set(expected)
    assert frozen.status == found.unfrozen.status
    assert frozen.left == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_stated_difference_is_one(program: Callable[[str], Program], kind: str) -> None:
    found = program(kind)
    same = [
        name
        for name in found.differences
        if found.plain.facts.get(name) == found.unfrozen.facts.get(name)
    ]
    assert same == []
