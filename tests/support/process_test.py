from __future__ import annotations

import signal
import sys

import pytest

from support.process import RunningProcess

ECHO_ENVIRONMENT = "import os; print(sorted(os.environ)); print('grüße')"
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


def test_nothing_is_inherited_but_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    environment = {"ONLY": "this", "PYTHONUTF8": "1"}
    with RunningProcess([sys.executable, "-c", ECHO_ENVIRONMENT], environment) as process:
        assert process.wait() == 0
    shown, words = process.stdout.splitlines()
    # CPython itself may add LC_CTYPE (PEP 538).
    assert set(eval(shown)) - {"LC_CTYPE"} == {"ONLY", "PYTHONUTF8"}
    assert words == "grüße"


def test_a_child_that_outlives_its_parent_is_noticed_and_then_killed() -> None:
    with RunningProcess([sys.executable, "-c", PARENT], {}) as process:
        process.wait_for_line("ready")
        (child,) = process.descendants()
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        with pytest.raises(AssertionError, match=str(child.pid)):
            process.assert_none_left(timeout_s=0.2)
    process.assert_none_left(timeout_s=0)


def test_a_missing_line_is_an_error_that_quotes_the_output() -> None:
    with (
        RunningProcess([sys.executable, "-c", "print('something else')"], {}) as process,
        pytest.raises(RuntimeError, match="something else"),
    ):
        process.wait_for_line("ready")
    with (
        RunningProcess([sys.executable, "-c", PARENT], {}) as process,
        pytest.raises(TimeoutError, match="no line 2"),
    ):
        process.wait_for_line("ready", timeout_s=2, count=2)
