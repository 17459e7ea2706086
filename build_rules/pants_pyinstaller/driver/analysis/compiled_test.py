"""Code that does not depend on the process that compiled it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pants_pyinstaller.driver.analysis import compiled
from pants_pyinstaller.testing.freezer import DRIVER


def test_a_spawned_worker_finds_the_driver() -> None:
    """Where processes are spawned, `__main__.py` is run as `__mp_main__` before a worker gets its function."""
    folder = DRIVER.name
    script = (
        f"import runpy, sys; runpy.run_path({str(DRIVER / '__main__.py')!r}, run_name='__mp_main__'); "
        f"import {folder}.analysis.compiled as module; print(module._build.__module__, {str(DRIVER)!r} in sys.path)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == (f"{folder}.analysis.compiled False\n", "")


_COMPILE = """
import hashlib, marshal, sys
sys.path.insert(0, sys.argv[1])
from pants_pyinstaller.driver.analysis import compiled
kept = compile(sys.argv[2], "other.py", "exec")
text = "def a(x): return x in {'qx_one', 'qx_two'}\\ndef b(x): return x in {'qx_one', 'qx_two'} or 5\\n"
for compiler in (compiled.compile_reproducibly, lambda text, name: compile(text, name, "exec")):
    print(hashlib.sha256(marshal.dumps(compiler(text, "same.py"))).hexdigest())
"""


def test_code_is_the_same_whatever_was_compiled_before() -> None:
    root = str(Path(compiled.__file__).parents[3])
    said = [
        subprocess.run(
            [sys.executable, "-c", _COMPILE, root, before], capture_output=True, text=True
        ).stdout.split()
        for before in ("pass", "qx_one = 1")
    ]
    assert said[0][0] == said[1][0]
    if sys.version_info[:2] == (3, 13):
        assert said[0][1] != said[1][1], "Python no longer needs this"
