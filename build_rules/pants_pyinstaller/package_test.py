"""Where a `pyinstaller_binary` is written, and what is refused."""

from __future__ import annotations

import pytest
from pants.backend.python.target_types import PexBinary, PythonSourceTarget
from pants.build_graph.address import Address
from pants.engine.internals.parametrize import Parametrize
from pants.engine.target import InvalidFieldException
from pants.testutil.rule_runner import RuleRunner

from pants_pyinstaller.package import refuse_shared_path
from pants_pyinstaller.target_types import PyInstallerBinary

BIN = Address("app", target_name="bin")
OTHER = Address("app", target_name="other")


def refuse(other: str, output_path: str = "", address: Address = OTHER) -> None:
    field = f", output_path='{output_path}'" if output_path else ""
    runner = RuleRunner(
        target_types=[PexBinary, PyInstallerBinary, PythonSourceTarget],
        objects={"parametrize": Parametrize},
    )
    runner.write_files(
        {
            "app/BUILD": (
                "python_source(name='main', source='main.py')\n"
                f"pyinstaller_binary(name='bin', entry_point='main.py'{field})\n"
                f"{other}\n"
            ),
            "app/main.py": "",
        }
    )
    targets = [
        runner.get_target(each) for each in (BIN, Address("app", target_name="main"), address)
    ]
    refuse_shared_path(BIN, output_path or "app/bin", targets)


@pytest.mark.parametrize(
    ("other", "output_path"),
    [
        ("pyinstaller_binary(name='other', entry_point='main.py', output_path='tool')", "tool"),
        ("pex_binary(name='other', entry_point='main.py', output_path='tool')", "tool"),
        ("pyinstaller_binary(name='other', entry_point='main.py', output_path='app/bin')", ""),
    ],
)
def test_two_targets_with_one_path_are_named_with_the_remedy(other: str, output_path: str) -> None:
    with pytest.raises(
        InvalidFieldException,
        match=f"app:bin and app:other are written to the same path, {output_path or 'app/bin'}.*`output_path`",
    ):
        refuse(other, output_path)


@pytest.mark.parametrize(
    ("other", "address"),
    [
        ("pyinstaller_binary(name='other', entry_point='main.py')", OTHER),
        ("pex_binary(name='other', entry_point='main.py')", OTHER),
        (
            "pyinstaller_binary(name='modes', entry_point='main.py', mode=parametrize('one-file', 'one-dir'))",
            Address("app", target_name="modes", parameters={"mode": "one-dir"}),
        ),
    ],
)
def test_paths_of_their_own_are_fine(other: str, address: Address) -> None:
    refuse(other, address=address)
