"""Which programs `pants tailor` proposes to package."""

from __future__ import annotations

import pytest
from pants.backend.python.target_types import PythonSourcesGeneratorTarget
from pants.core.goals.tailor import PutativeTargets
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_pyinstaller import tailor
from pants_pyinstaller.tailor import PutativeBinariesRequest
from pants_pyinstaller.target_types import PyInstallerBinary

FILES = {
    "src/app/BUILD": "pyinstaller_binary(name='done', entry_point='done.py:main')\n",
    "src/app/done.py": "def main():\n    pass\n",
    "src/app/function.py": "def main():\n    pass\n",
    "src/app/guarded.py": "def main():\n    pass\n\nif __name__ == '__main__':\n    main()\n",
    "src/app/__main__.py": "print()\n",
    "src/app/library.py": "def mainly():\n    pass\n\ndef main(argument):\n    pass\n",
    "src/app/some_test.py": "if __name__ == '__main__':\n    pass\n",
    "src/other/BUILD": "pyinstaller_binary(name='named', entry_point='app.named')\n",
    "src/app/named.py": "if __name__ == '__main__':\n    pass\n",
}


@pytest.mark.parametrize(
    ("options", "proposed"),
    [
        ((), []),
        (
            ("--pyinstaller-tailor",),
            [
                ("function-executable", "function.py:main"),
                ("guarded-executable", "guarded.py"),
                ("main-executable", "__main__.py"),
            ],
        ),
    ],
)
def test_programs_without_a_target_are_proposed(
    options: tuple[str, ...], proposed: list[tuple[str, str]]
) -> None:
    runner = RuleRunner(
        rules=[*tailor.rules(), QueryRule(PutativeTargets, [PutativeBinariesRequest])],
        target_types=[PyInstallerBinary, PythonSourcesGeneratorTarget],
    )
    runner.set_options(options)
    runner.write_files(FILES)
    found = runner.request(PutativeTargets, [PutativeBinariesRequest(("src/app", "src/other"))])
    assert sorted((one.name, one.kwargs["entry_point"]) for one in found) == proposed
    assert {(one.path, one.type_alias) for one in found} <= {("src/app", "pyinstaller_binary")}
