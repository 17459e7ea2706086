from __future__ import annotations

from pathlib import Path

from support.clones import builder_environment


def test_builders_do_not_see_the_callers_settings(tmp_path: Path) -> None:
    caller = {
        "HOME": str(tmp_path),
        "PATH": "/bin",
        "PANTS_CONFIG_FILES": "x",
        "PYTHONPATH": "bench",
        "XDG_CACHE_HOME": "/cache",
    }
    found = builder_environment(caller, Path("/elsewhere"))
    assert found == {"HOME": "/elsewhere", "PATH": "/bin"}


def test_users_index_is_known_in_another_home(tmp_path: Path) -> None:
    settings = tmp_path / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.touch()
    found = builder_environment({"HOME": str(tmp_path)}, Path("/elsewhere"))
    assert found["PIP_CONFIG_FILE"] == str(settings)
