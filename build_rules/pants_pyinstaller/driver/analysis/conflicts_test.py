"""Files that two distributions install."""

from __future__ import annotations

from pathlib import Path

from pants_pyinstaller.driver.analysis import conflicts, distributions
from pants_pyinstaller.testing.wheels import install, make_wheel


def test_files_that_two_distributions_install_differently(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for name, text in (("one", "VALUE = 1\n"), ("two", "VALUE = 2\n")):
        files = {"both/__init__.py": "", "both/thing.py": text}
        install(
            make_wheel(
                tmp_path,
                name,
                "1.0",
                files,
                metadata="Requires-Dist: one\n" if name == "two" else "",
            ),
            site,
        )
    found = distributions.read_distributions(str(site))
    assert conflicts.contested_files(str(site), found) == {"both/thing.py": ["one", "two"]}
