"""Run a GitHub Actions workflow on this machine: jobs in order, steps in order.

Shell steps run as they are, in bash as GitHub starts it, with the environment and the files
(GITHUB_OUTPUT and the like) that GitHub gives them. Actions are replaced by functions that do the
work on files that the real ones do. What runs on another machine than this one is up to the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from release.testing.expressions import evaluate, expand, text_of

SUCCESS, FAILURE, SKIPPED = "success", "failure", "skipped"

_MANUAL = "workflow_dispatch"
_PINNED = 40  # hexadecimal digits of a commit


class ActionFailed(Exception):
    """The failure of an action."""


@dataclass
class Instance:
    """A job, or one of a matrix's, while it runs."""

    name: str
    job: Mapping[str, Any]
    matrix: Mapping[str, Any]
    workspace: Path
    environment: dict[str, str]
    contexts: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)


Action = Callable[["WorkflowRun", Instance, Mapping[str, str]], Mapping[str, str] | None]
Elsewhere = Callable[["WorkflowRun", Instance], bool]
"""Does a job's work and returns True, or returns False to let the job run here."""


@dataclass
class Event:
    """The event that starts a workflow; `inputs` are those of a manual run."""

    name: str
    ref: str
    sha: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    def context(self, repository: str, token: str, workflow: str) -> dict[str, Any]:
        kind, _, name = self.ref.removeprefix("refs/").partition("/")
        return {
            "event_name": self.name,
            "ref": self.ref,
            "ref_name": name,
            "ref_type": "tag" if kind == "tags" else "branch",
            "repository": repository,
            "sha": self.sha,
            "token": token,
            "workflow": workflow,
        }


class WorkflowRun:
    """One run of a workflow: its jobs' results, outputs and artifacts.

    `folder` keeps all that it writes. `log` has the output of every step, `summary` what steps
    wrote for the run's page, `produced` the names of each job's artifacts.
    """

    def __init__(
        self,
        workflow: Path,
        event: Event,
        folder: Path,
        *,
        actions: Mapping[str, Action],
        environment: Mapping[str, str],
        elsewhere: Elsewhere = lambda run, instance: False,
        repository: str = "owner/name",
        token: str = "",
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        self.workflow = yaml.safe_load(workflow.read_text(encoding="utf-8"))
        self.event = event
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir(parents=True)
        self.results: dict[str, str] = {}
        self.log: list[str] = []
        self.produced: dict[str, list[str]] = {}
        self._actions = actions
        self._base = dict(environment)
        self._elsewhere = elsewhere
        self._outputs: dict[str, dict[str, Any]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._github = event.context(repository, token, self.workflow["name"])
        # A manual run without an input gets the workflow's default for it.
        triggers = self.workflow[True]  # YAML's word `on` is its word for true
        declared = triggers["workflow_dispatch"]["inputs"] if event.name == _MANUAL else {}
        inputs = {name: item.get("default", "") for name, item in declared.items()}
        self._contexts: dict[str, Any] = {
            "github": self._github,
            "inputs": {**inputs, **event.inputs},
            "vars": dict(variables or {}),
            "secrets": dict(secrets or {}),
            "runner": {"os": "Linux", "arch": "X64"},
        }

    @property
    def summary(self) -> str:
        files = sorted(self.folder.glob("*.summary"), key=lambda path: int(path.stem))
        return "".join(path.read_text(encoding="utf-8") for path in files)

    @property
    def text(self) -> str:
        return "\n".join(self.log)

    def kill_step(self) -> None:
        """Kill the running step and everything it started, as if the machine was lost."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)

    def adopt(self, other: WorkflowRun, jobs: Collection[str]) -> None:
        """Adopt results, outputs and artifacts of another run's jobs.

        Whatever comes after them is then carried out by `run`, without doing them again.
        """
        for name in jobs:
            self.results[name] = other.results[name]
            self._outputs[name] = other._outputs.get(name, {})
            for artifact in other.produced.get(name, ()):
                shutil.copytree(other.artifacts / artifact, self.artifacts / artifact)

    def run(self) -> dict[str, str]:
        """Run every job that hasn't succeeded yet; a second call re-runs the failed ones."""
        pending = {
            name: job
            for name, job in self.workflow["jobs"].items()
            if self.results.get(name) != SUCCESS
        }
        while pending:
            ready = next(name for name, job in pending.items() if not _needs(job) & set(pending))
            self.results[ready] = self._run_job(ready, pending.pop(ready))
        return self.results

    # -----------------------------------------------------------------------------------------
    # Jobs
    # -----------------------------------------------------------------------------------------

    def _run_job(self, name: str, job: Mapping[str, Any]) -> str:
        needs = {
            need: {"result": self.results[need], "outputs": self._outputs.get(need, {})}
            for need in _needs(job)
        }
        contexts = {**self._contexts, "needs": needs}
        if not self._is_due(job, contexts):
            return SKIPPED
        results = [
            self._run_instance(name, job, matrix, contexts)
            for matrix in self._combinations(job, contexts)
        ]
        return FAILURE if FAILURE in results else SUCCESS

    def _is_due(self, job: Mapping[str, Any], contexts: Mapping[str, Any]) -> bool:
        """A condition that asks for no status is one for jobs all of whose ancestors succeeded: a
        skipped job skips whatever comes after it, not its neighbours alone."""
        results = [self.results[name] for name in self._ancestors(job)]
        functions: dict[str, Callable[[], bool]] = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "failure": lambda: FAILURE in results,
            "success": lambda: all(result == SUCCESS for result in results),
        }
        condition = str(job.get("if", "true"))
        asks = any(f"{name}(" in condition for name in functions)
        if not asks and not functions["success"]():
            return False
        return bool(evaluate(condition, contexts, functions))

    def _ancestors(self, job: Mapping[str, Any]) -> set[str]:
        direct = _needs(job)
        return direct.union(*(self._ancestors(self.workflow["jobs"][name]) for name in direct))

    def _combinations(
        self, job: Mapping[str, Any], contexts: Mapping[str, Any]
    ) -> list[Mapping[str, Any]]:
        matrix = expand(job.get("strategy", {}).get("matrix"), contexts)
        if matrix is None:
            return [{}]
        combinations: list[Mapping[str, Any]] = matrix["include"]
        return combinations

    def _run_instance(
        self,
        name: str,
        job: Mapping[str, Any],
        matrix: Mapping[str, Any],
        contexts: Mapping[str, Any],
    ) -> str:
        self._count += 1
        # Each job gets a new machine: only artifacts and outputs pass from one to the next.
        workspace = self.folder / f"{self._count}-{name}"
        workspace.mkdir()
        own: dict[str, Any] = {**contexts, "matrix": matrix, "steps": {}}
        # As on GitHub, jobs see only their steps' files.
        environment = {
            **self._base,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self._github["repository"],
            "GITHUB_SHA": self._github["sha"],
            "GITHUB_REF": self._github["ref"],
            "GITHUB_REF_NAME": self._github["ref_name"],
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_OS": "Linux",
        }
        for layer in (self.workflow.get("env", {}), job.get("env", {})):
            environment |= _environment(layer, own)
        instance = Instance(name, job, matrix, workspace, environment, own)
        if self._elsewhere(self, instance):
            return SUCCESS
        result = SUCCESS
        for step in job["steps"]:
            if not self._run_step(instance, step):
                result = FAILURE
                break
        self._outputs[name] = {
            key: expand(value, own) for key, value in job.get("outputs", {}).items()
        }
        return result

    # -----------------------------------------------------------------------------------------
    # Steps
    # -----------------------------------------------------------------------------------------

    def _run_step(self, instance: Instance, step: Mapping[str, Any]) -> bool:
        functions = {"hashFiles": lambda *patterns: "hash"}
        title = step.get("name") or step.get("uses")
        if not evaluate(str(step.get("if", "true")), instance.contexts, functions):
            self.log.append(f"-- {instance.name}: {title}: skipped")
            return True
        self.log.append(f"-- {instance.name}: {title}")
        try:
            outputs = self._do(instance, step, functions)
        except ActionFailed as failure:
            self.log.append(f"failed: {failure}")
            return False
        if "id" in step:
            instance.contexts["steps"][step["id"]] = {"outputs": outputs}
        return True

    def _do(
        self, instance: Instance, step: Mapping[str, Any], functions: Mapping[str, Any]
    ) -> Mapping[str, str]:
        if "uses" in step:
            return self._use(instance, step, functions)
        return self._shell(instance, step)

    def _use(
        self, instance: Instance, step: Mapping[str, Any], functions: Mapping[str, Any]
    ) -> Mapping[str, str]:
        action, _, revision = step["uses"].partition("@")
        if len(revision) != _PINNED:
            raise ActionFailed(f"{action} is pinned to {revision}, which is no commit")
        inputs = expand(step.get("with", {}), instance.contexts, functions)
        given = {key: text_of(value) for key, value in inputs.items()}
        return self._actions[action](self, instance, given) or {}

    def _shell(self, instance: Instance, step: Mapping[str, Any]) -> Mapping[str, str]:
        self._count += 1
        script = self.folder / f"{self._count}.sh"
        script.write_text(expand(step["run"], instance.contexts), encoding="utf-8")
        files = {
            f"GITHUB_{name.upper()}": self.folder / f"{self._count}.{name}"
            for name in ("output", "env", "path")
        }
        files["GITHUB_STEP_SUMMARY"] = self.folder / f"{self._count}.summary"
        for file in files.values():
            file.touch()
        environment = {
            **instance.environment,
            **_environment(step.get("env", {}), instance.contexts),
            **{name: str(file) for name, file in files.items()},
        }
        self._process = subprocess.Popen(
            ["bash", "-e", str(script)],
            cwd=instance.workspace,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output, _ = self._process.communicate()
        self.log.append(output.decode("utf-8", "replace").rstrip())
        if self._process.returncode != 0:
            raise ActionFailed(f"exit code {self._process.returncode}")
        instance.environment.update(_assignments(files["GITHUB_ENV"]))
        return dict(_assignments(files["GITHUB_OUTPUT"]))


def _needs(job: Mapping[str, Any]) -> set[str]:
    needs = job.get("needs", [])
    return {needs} if isinstance(needs, str) else set(needs)


def _environment(layer: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
    return {key: text_of(expand(value, contexts)) for key, value in layer.items()}


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if not equals:
            raise ActionFailed(f"{file.suffix} has the line {line!r}, which is no name=value")
        yield name, value


# ---------------------------------------------------------------------------------------------
# In place of actions
# ---------------------------------------------------------------------------------------------


def upload_artifact(run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
    """Files keep their paths below the folder that all of them have in common."""
    found: list[Path] = []
    for pattern in given["path"].split():
        path = instance.workspace / pattern
        found += [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    found = [path for path in found if path.is_file()]
    if not found and given.get("if-no-files-found") == "error":
        raise ActionFailed(f"No files were found with the provided path: {given['path']}")
    top = Path(os.path.commonpath([path.parent for path in found]))
    target = run.artifacts / given["name"]
    elsewhere = {
        name for job, names in run.produced.items() if job != instance.name for name in names
    }
    if given["name"] in elsewhere and given.get("overwrite") != "true":
        raise ActionFailed(f"an artifact with this name already exists: {given['name']}")
    run.produced.setdefault(instance.name, []).append(given["name"])
    shutil.rmtree(target, ignore_errors=True)  # a re-run of the job replaces it
    for path in found:
        copy = target / path.relative_to(top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)  # artifacts lose the modes of their files


def download_artifact(run: WorkflowRun, instance: Instance, given: Mapping[str, str]) -> None:
    target = instance.workspace / given.get("path", "")
    if "name" in given:
        source = run.artifacts / given["name"]
        if not source.is_dir():
            raise ActionFailed(f"Artifact not found for name: {given['name']}")
        shutil.copytree(source, target, dirs_exist_ok=True)
        return
    merged = given.get("merge-multiple") == "true"
    for source in sorted(run.artifacts.glob(given.get("pattern", "*"))):
        shutil.copytree(source, target if merged else target / source.name, dirs_exist_ok=True)
