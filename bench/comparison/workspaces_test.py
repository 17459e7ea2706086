from __future__ import annotations

import ast

import pytest

from comparison.ours import TEN, ten_files
from comparison.workspaces import replace_pin

LOCK = """\
idna==3.20 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via
    #   anyio
idna-other==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:cc
    # via x
"""
PIN = "idna==3.19 \\\n    --hash=sha256:dd\n"


def test_pin_is_replaced_with_its_hashes() -> None:
    assert replace_pin(LOCK, PIN) == LOCK.replace("3.20", "3.19").replace(
        "    --hash=sha256:aa \\\n    --hash=sha256:bb\n", "    --hash=sha256:dd\n"
    )


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        ("idna==3.20 \\\n    --hash=sha256:aa\n", "pins idna 3.20 already"),
        ("other==1 \\\n    --hash=sha256:aa\n", "pins no other"),
    ],
)
def test_pin_that_changes_nothing(pin: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace_pin(LOCK, pin)


def test_ten_different_programs_with_a_target_each() -> None:
    files = ten_files()
    assert len(TEN) == 10
    assert len(set(TEN.values())) == 10
    names = {
        keyword.value.value
        for call in ast.walk(ast.parse(files["BUILD"]))
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
    }
    assert names == set(TEN)
    for name, modules in TEN.items():
        compile(text := files[f"{name}_program.py"], name, "exec")
        assert all(f"import {module}  #" in text for module in modules)
