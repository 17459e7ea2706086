"""Which interpreters can be put together, and what is said of the others."""

from __future__ import annotations

import pytest

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.lockfiles import pinned
from pants_pyinstaller.platforms import PLATFORMS
from pants_pyinstaller.toolchains import cores


def test_each_lock_brings_an_interpreter_and_microsofts_runtime() -> None:
    assert cores.versions() == ("3.13.0", "3.13.11")
    for version in cores.versions():
        text = cores.lock(version, PLATFORMS["darwin-arm64"]).read_text("utf-8")
        assert {"panda3d", "msvc-runtime", "pefile"} <= set(pinned(text))


def test_another_release_is_refused_and_those_that_serve_are_named() -> None:
    with pytest.raises(FreezeError, match=r"locked for 3\.13\.0, 3\.13\.11.*Python 3\.13\.5"):
        cores.lock("3.13.5", PLATFORMS["darwin-arm64"])
