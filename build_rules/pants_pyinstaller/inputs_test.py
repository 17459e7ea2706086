"""What the rules read from a target and its sources."""

from __future__ import annotations

import pytest
from pants.backend.python import target_types_rules
from pants.backend.python.dependency_inference import rules as dependency_inference_rules
from pants.backend.python.target_types import (
    PythonRequirementTarget,
    PythonSourcesGeneratorTarget,
    PythonSourceTarget,
    PythonTestsGeneratorTarget,
    PythonTestTarget,
)
from pants.backend.python.util_rules import ancestor_files, python_sources
from pants.build_graph.address import Address
from pants.core.target_types import FilesGeneratorTarget, FileTarget, RelocatedFiles, ResourceTarget
from pants.core.target_types import rules as core_target_rules
from pants.engine.addresses import Addresses
from pants.engine.fs import Digest, Snapshot
from pants.engine.internals.parametrize import Parametrize
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.target import DependenciesRequest
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_pyinstaller import build_info, exercises, inference, inputs
from pants_pyinstaller.build_info import BuildInfo, BuildInfoRequest
from pants_pyinstaller.driver import contract
from pants_pyinstaller.exercises import Exercises, ExercisesRequest
from pants_pyinstaller.inputs import (
    Application,
    ApplicationRequest,
    HookFiles,
    HookFilesRequest,
    PyInstallerFieldSet,
)
from pants_pyinstaller.target_types import PyInstallerBinary, PyInstallerDependenciesField

BIN = Address("src/app", target_name="bin")


@pytest.fixture
def rule_runner() -> RuleRunner:
    runner = RuleRunner(
        rules=[
            *ancestor_files.rules(),
            *build_info.rules(),
            *core_target_rules(),
            *dependency_inference_rules.rules(),
            *exercises.rules(),
            *inference.rules(),
            inputs.application,
            inputs.hook_files,
            inputs.named_requirements,
            *python_sources.rules(),
            *target_types_rules.rules(),
            QueryRule(Addresses, [DependenciesRequest]),
            QueryRule(Application, [ApplicationRequest]),
            QueryRule(BuildInfo, [BuildInfoRequest]),
            QueryRule(Exercises, [ExercisesRequest]),
            QueryRule(HookFiles, [HookFilesRequest]),
            QueryRule(Snapshot, [Digest]),
        ],
        target_types=[
            FileTarget,
            FilesGeneratorTarget,
            PyInstallerBinary,
            PythonRequirementTarget,
            PythonSourceTarget,
            PythonSourcesGeneratorTarget,
            PythonTestTarget,
            PythonTestsGeneratorTarget,
            RelocatedFiles,
            ResourceTarget,
        ],
        objects={"parametrize": Parametrize},
    )
    runner.set_options(
        # The other parser is a program that Pex would have to install.
        ["--source-root-patterns=['/src']", "--python-infer-use-rust-parser"],
        env_inherit={"PATH", "PYENV_ROOT", "HOME"},
    )
    return runner


def write(runner: RuleRunner, fields: str, address: Address = BIN) -> PyInstallerFieldSet:
    runner.write_files(
        {
            "src/app/BUILD": (
                "python_sources()\n"
                "resource(name='logo', source='logo.txt')\n"
                "file(name='notes', source='notes.txt')\n"
                f"pyinstaller_binary(name='bin', {fields})\n"
            ),
            "src/app/__init__.py": "",
            "src/app/main.py": "from app.util import answer\n\ndef main():\n    return answer()\n",
            "src/app/util.py": "def answer():\n    return 0\n",
            "src/app/hook-app.py": "",
            "src/app/logo.txt": "logo",
            "src/app/notes.txt": "notes",
        }
    )
    return PyInstallerFieldSet.create(runner.get_target(address))


def test_the_entry_point_is_a_dependency_and_its_imports_follow(rule_runner: RuleRunner) -> None:
    write(rule_runner, "entry_point='main.py:main'")
    target = rule_runner.get_target(BIN)
    found = rule_runner.request(
        Addresses, [DependenciesRequest(target[PyInstallerDependenciesField])]
    )
    assert [str(address) for address in found] == ["src/app/main.py"]


def test_sources_lie_below_their_roots_and_data_where_programs_look(
    rule_runner: RuleRunner,
) -> None:
    field_set = write(rule_runner, "entry_point='main.py:main', dependencies=[':logo', ':notes']")
    app = rule_runner.request(Application, [ApplicationRequest(field_set)])
    assert app.entry_point == "app.main:main"
    # A resource is found beside its package, a file at its path in the repository.
    assert dict(app.data) == {
        "app/logo.txt": "data/app/logo.txt",
        "src/app/notes.txt": "data/src/app/notes.txt",
    }


def test_requirements_that_the_target_names_are_known_from_inferred_ones(
    rule_runner: RuleRunner,
) -> None:
    rule_runner.write_files(
        {
            "lib/BUILD": (
                "python_requirement(name='named', requirements=['Named==1'])\n"
                "python_requirement(name='inferred', requirements=['inferred==1'])\n"
            ),
            "src/app/inferred.py": "import inferred\n",
        }
    )
    field_set = write(rule_runner, "entry_point='main.py:main', dependencies=['//lib:named']")
    app = rule_runner.request(Application, [ApplicationRequest(field_set)])
    assert app.requirements == ("Named",)


def test_an_entry_point_without_a_source_is_named(rule_runner: RuleRunner) -> None:
    field_set = write(rule_runner, "entry_point='app.mian:main'")
    with pytest.raises(ExecutionError, match=r"src/app:bin is 'app\.mian:main'.*no first-party"):
        rule_runner.request(Application, [ApplicationRequest(field_set)])


def test_files_that_pants_generates_are_data_too(rule_runner: RuleRunner) -> None:
    field_set = write(
        rule_runner,
        "entry_point='main.py:main', dependencies=[':moved'])\n"
        "relocated_files(name='moved', files_targets=[':notes'], src='src/app', dest='docs'",
    )
    app = rule_runner.request(Application, [ApplicationRequest(field_set)])
    assert dict(app.data) == {"docs/notes.txt": "data/docs/notes.txt"}


@pytest.mark.parametrize("mode", ["one-file", "one-dir"])
def test_a_target_for_each_mode(rule_runner: RuleRunner, mode: str) -> None:
    field_set = write(
        rule_runner,
        "entry_point='main.py:main', mode=parametrize('one-file', 'one-dir')",
        Address("src/app", target_name="bin", parameters={"mode": mode}),
    )
    assert field_set.mode.value == mode
    app = rule_runner.request(Application, [ApplicationRequest(field_set)])
    assert app.entry_point == "app.main:main"


def test_a_hook_needs_a_hook_s_name(rule_runner: RuleRunner) -> None:
    field_set = write(rule_runner, "entry_point='main.py', hooks=['./hook-app.py']")
    hooks = rule_runner.request(
        HookFiles, [HookFilesRequest(field_set.hooks, field_set.runtime_hooks)]
    )
    assert hooks.hook_directories == ("hooks/src/app",)
    field_set = write(rule_runner, "entry_point='main.py', hooks=['./util.py']")
    with pytest.raises(ExecutionError, match=r"hook-<module>\.py"):
        rule_runner.request(HookFiles, [HookFilesRequest(field_set.hooks, field_set.runtime_hooks)])


def test_build_info_takes_the_values_of_options(rule_runner: RuleRunner) -> None:
    field_set = write(
        rule_runner, "entry_point='main.py', build_info={'roots': '{source.marker_filenames}!'}"
    )
    info = rule_runner.request(BuildInfo, [BuildInfoRequest(field_set.build_info)])
    assert dict(info.values) == {"roots": "[]!"}
    field_set = write(rule_runner, "entry_point='main.py', build_info={'v': '{source.nothing}'}")
    with pytest.raises(ExecutionError, match=r"src/app:bin, entry 'v'.*\[source\] has no"):
        rule_runner.request(BuildInfo, [BuildInfoRequest(field_set.build_info)])


def test_exercises_bring_what_the_application_lacks(rule_runner: RuleRunner) -> None:
    rule_runner.write_files(
        {
            "src/exercises/BUILD": (
                "python_sources()\n"
                "python_tests(name='tests')\n"
                "resource(name='words', source='words.txt')\n"
            ),
            "src/exercises/turn.py": (
                "from app.util import answer\nfrom exercises import helper\nprint(answer())\n"
            ),
            "src/exercises/helper.py": "",
            "src/exercises/some_test.py": "def test_a():\n    pass\n",
            "src/exercises/some-script.py": "",
            "src/exercises/words.txt": "words",
        }
    )
    field_set = write(
        rule_runner,
        "entry_point='main.py', exercises=['src/exercises/turn.py', 'src/exercises:tests']",
    )
    found = rule_runner.request(Exercises, [ExercisesRequest(field_set.exercises)])
    assert dict(found.modules) == {
        "exercises.some_test": contract.EXERCISE_TESTS,
        "exercises.turn": contract.EXERCISE_PROGRAM,
    }
    assert rule_runner.request(Snapshot, [found.digest]).files == (
        "exercises/exercises/helper.py",
        "exercises/exercises/some_test.py",
        "exercises/exercises/turn.py",
    )
    for address, said in (
        ("src/exercises/some-script.py", "not the path of a module"),
        ("src/exercises:words", "holds no Python source"),
    ):
        field_set = write(rule_runner, f"entry_point='main.py', exercises=['{address}']")
        with pytest.raises(ExecutionError, match=said):
            rule_runner.request(Exercises, [ExercisesRequest(field_set.exercises)])
