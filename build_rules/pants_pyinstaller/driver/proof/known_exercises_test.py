"""Exercises run again when something that they execute has changed, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer

MODES = [contract.ONE_FILE, contract.ONE_DIR]
PROGRAM = """
import multiprocessing

def used():
    return in_child

def in_child(number):
    return number + 1

def looked_at():
    return 'a constant'

def unused():
    return 'never'

def main():
    print('started')
"""
EXERCISE = """
import multiprocessing
from pathlib import Path
from exknown import cli

if __name__ == '__main__':
    with open({mark!r}, 'a') as file:
        file.write('ran ')
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print(pool.map(cli.used(), [1]))
    print(len(cli.looked_at.__code__.co_consts))
    {more}
"""


class Case:
    """A program with an exercise that leaves a mark each time it runs."""

    def __init__(self, freezer: Freezer, name: str, mode: str, more: str = "") -> None:
        self.freezer, self.name, self.mode = freezer, name, mode
        self.mark = freezer.root / f"{name}.mark"
        place = freezer.root / name / "exercises" / "exercise_it.py"
        place.parent.mkdir(parents=True)
        place.write_text(EXERCISE.format(mark=str(self.mark), more=more))

    def runs(self, program: str, inputs: str = "inputs") -> int:
        """How often the exercise was started for this program: once for each side at least, or not at all."""
        files = {"exknown/__init__.py": "", "exknown/cli.py": program}
        app = self.freezer.app(self.name, files, "exknown.cli:main")
        for place in ("app", "check", "exercise"):
            shutil.rmtree(self.freezer.root / self.name / place, ignore_errors=True)
        self.freezer.must(contract.APP, app)
        self.freezer.must(contract.CHECK, self.freezer.check(app))
        self.mark.write_text("")
        request = contract.ExerciseRequest(
            layer="layer",
            app=app.output,
            check=f"{self.name}/check",
            site="site",
            trace="trace",
            pack="pack",
            mode=self.mode,
            output=f"{self.name}/exercise",
            source_roots=app.source_roots,
            exercise_roots=(f"{self.name}/exercises",),
            exercises={"exercise_it": contract.EXERCISE_PROGRAM},
            cache=f"{self.name}/cache",
            inputs=inputs,
        )
        self.freezer.must(contract.EXERCISE, request)
        return self.mark.read_text().count("ran")

    def outcome(self) -> dict[str, bytes]:
        place: Path = self.freezer.root / self.name / "exercise"
        return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.mark.parametrize("mode", MODES)
def test_what_changes_decides(freezer: Freezer, mode: str) -> None:
    case = Case(freezer, f"known-{mode}", mode)
    assert case.runs(PROGRAM) > 1
    first = case.outcome()
    assert case.runs("# a comment\n" + PROGRAM.replace("never", "ever")) == 0
    assert case.outcome() == first
    for before, after in (
        ("number + 1", "number + 2"),  # in another process
        ("a constant", "two', 'constants"),  # code that is looked at
        ("import multiprocessing", "import multiprocessing, os"),
    ):
        changed = PROGRAM.replace(before, after)
        assert changed != PROGRAM
        assert case.runs(changed) > 1, after
    assert case.runs(PROGRAM) == 0
    assert case.runs(PROGRAM, inputs="others") > 1
    assert case.runs(PROGRAM, inputs="") > 1


def test_a_source_that_is_read_counts_as_a_whole(freezer: Freezer) -> None:
    more = "print(len(Path(cli.__file__).with_suffix('.py').read_text()) if 0 else 1)"
    case = Case(freezer, "known-unread", contract.ONE_DIR, more)
    assert case.runs(PROGRAM) > 1
    assert case.runs(PROGRAM + "# more\n") == 0
    more = (
        "path = Path(cli.__file__)\n    print('def' in path.read_text() if path.exists() else True)"
    )
    case = Case(freezer, "known-read", contract.ONE_DIR, more)
    assert case.runs(PROGRAM) > 1
    assert case.runs(PROGRAM + "# more\n") > 1
