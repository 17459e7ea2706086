"""Which requirements a resolve gives a freeze, and the message where it gives none."""

from __future__ import annotations

import json

import pytest
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import QueryRule, RuleRunner
from pants.util.frozendict import FrozenDict

from pants_pyinstaller import lockfiles, own_files
from pants_pyinstaller.lockfiles import PYINSTALLER, Requirements, RequirementsRequest, pinned
from pants_pyinstaller.platforms import PLATFORMS
from pants_pyinstaller.toolchain import Toolchain

TOOLCHAIN = Toolchain(PLATFORMS["linux-amd64"], "3.13.0", "0" * 64, (), FrozenDict(), (), "python")
ENABLED = ("--python-enable-resolves", "--python-resolves={'app': 'locks/app.lock'}")


@pytest.fixture
def rule_runner() -> RuleRunner:
    return RuleRunner(
        rules=[
            *lockfiles.rules(),
            *own_files.rules(),
            QueryRule(Requirements, [RequirementsRequest]),
            QueryRule(DigestContents, [Digest]),
        ]
    )


def requirements(
    runner: RuleRunner, resolve: str = "app", *, required: bool = True
) -> tuple[Requirements, str]:
    request = RequirementsRequest(resolve, TOOLCHAIN, required)
    found = runner.request(Requirements, [request])
    (file,) = runner.request(DigestContents, [found.digest])
    assert file.path == found.path
    return found, file.content.decode()


def test_a_lock_of_pex_is_resolved_for_the_python_that_freezes(rule_runner: RuleRunner) -> None:
    rule_runner.set_options(ENABLED)
    entries = [
        {
            "artifacts": [
                {"algorithm": "sha256", "hash": "a" * 64, "url": f"https://i.example/{file}"}
            ],
            "project_name": name,
            "requires_dists": requires,
            "requires_python": None,
            "version": "1.0",
        }
        for name, file, requires in (
            ("app", "app-1.0-py3-none-any.whl", ["old; python_version < '3.11'", "sources"]),
            ("old", "old-1.0-py3-none-any.whl", []),
            ("sources", "sources-1.0.tar.gz", []),
        )
    ]
    lock = {"requirements": ["app"], "locked_resolves": [{"locked_requirements": entries}]}
    rule_runner.write_files({"locks/app.lock": "// Pants\n" + json.dumps(lock)})
    found, text = requirements(rule_runner)
    assert found.names == ("app", "sources")
    assert found.without_wheel == ("sources",)
    assert text.count("--hash=sha256:" + "a" * 64) == 2


def test_a_requirements_file_is_taken_as_it_is(rule_runner: RuleRunner) -> None:
    rule_runner.set_options(ENABLED)
    text = (
        "idna==3.20 \\\n    --hash=sha256:aa\nh11[x]==1 ; python_version > '3' --hash=sha256:bb\n"
    )
    rule_runner.write_files({"locks/app.lock": text})
    found, content = requirements(rule_runner)
    assert (found.names, content) == (("h11", "idna"), text)


def test_the_lock_of_pyinstaller_is_in_this_package(rule_runner: RuleRunner) -> None:
    found, text = requirements(rule_runner, PYINSTALLER)
    assert {"pyinstaller", "pyinstaller-hooks-contrib", "altgraph"} <= set(found.names)
    assert found.names == pinned(text)


def test_a_program_without_requirements_needs_no_lock(rule_runner: RuleRunner) -> None:
    assert requirements(rule_runner, "<ignore>", required=False)[0].names == ()
    rule_runner.set_options(ENABLED)
    assert requirements(rule_runner, required=False)[0].names == ()


@pytest.mark.parametrize(
    ("options", "resolve", "lock", "said"),
    [
        ((), "<ignore>", None, r"enable_resolves = true.*generate-lockfiles"),
        (ENABLED, "other", None, r"\[python\]\.resolves has no resolve 'other' \(it has: app\)"),
        (
            ENABLED,
            "app",
            None,
            r"locks/app\.lock.*does not exist.*generate-lockfiles --resolve=app",
        ),
        (ENABLED, "app", 'version = 1\n[[package]]\nname = "a"\n', r"uv's own format.*uv export"),
        (
            ENABLED,
            "app",
            json.dumps({"requirements": ["a"], "locked_resolves": [{"locked_requirements": []}]}),
            r"locks/app\.lock.*lacks a.*3\.13\.0.*generate-lockfiles --resolve=app",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_remedy(
    rule_runner: RuleRunner, options: tuple[str, ...], resolve: str, lock: str, said: str
) -> None:
    rule_runner.set_options(options)
    if lock:
        rule_runner.write_files({"locks/app.lock": lock})
    with pytest.raises(ExecutionError, match=said):
        requirements(rule_runner, resolve)
