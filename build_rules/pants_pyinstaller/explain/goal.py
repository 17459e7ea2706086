"""The goal `explain-binary`: questions about a `pyinstaller_binary`, answered from cached results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pants.base.build_environment import get_buildroot
from pants.core.util_rules.distdir import DistDir
from pants.engine.console import Console
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    Workspace,
)
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import (
    Get,
    MultiGet,
    Rule,
    _uncacheable_rule,
    collect_rules,
    goal_rule,
    rule,
)
from pants.engine.target import Targets
from pants.engine.unions import UnionRule
from pants.option.option_types import BoolOption, IntOption, StrOption
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from pants_pyinstaller.driver import contract
from pants_pyinstaller.errors import require_success
from pants_pyinstaller.explain import document, inventory, questions
from pants_pyinstaller.explain.errors import ExplainError
from pants_pyinstaller.explain.page import write
from pants_pyinstaller.explain.request import DOCUMENT, RecordRequest
from pants_pyinstaller.freeze import AppLayer, Packed
from pants_pyinstaller.inputs import (
    SOURCES,
    BinaryRequest,
    FreezeRequest,
    PyInstallerFieldSet,
)
from pants_pyinstaller.own_files import DRIVER_PREFIX, DriverSources
from pants_pyinstaller.package import Executable
from pants_pyinstaller.proof import Check, Exercise
from pants_pyinstaller.toolchain import ChosenPlatforms

_OUTPUT = "out"
_REQUEST = "request.json"
_PACKAGE = "pants_pyinstaller"
_DIRECTORY = Path(__file__).resolve().parent
_PROGRAM = ("__init__", "document", "errors", "graph", "request")


class ExplainBinarySubsystem(GoalSubsystem):
    name = "explain-binary"
    help = "Show what is inside a pyinstaller_binary: why, how large, what changed. Without a question, a summary."

    why = StrOption(
        default=None,
        help="Why this module, distribution, file or library is in the executable: the shortest chain from the "
        "entry point. `module:`, `distribution:` or `file:` before the name says which of them is meant.",
    )
    all = BoolOption(default=False, help="With --why: every direct reason.")
    why_not = StrOption(
        default=None, help="Why this is not in the executable, and what would get it in."
    )
    largest = IntOption(default=None, help="The so many largest distributions and files.")
    without = StrOption(
        default=None, help="What would leave the executable if this were excluded, and its bytes."
    )
    diff = StrOption(
        default=None,
        metavar="<file>",
        help="What changed since another build: the path of its manifest, explanation or executable "
        "(with its manifest beside it), relative to the build root.",
    )
    json = BoolOption(default=False, help="The answer as JSON.")
    page = BoolOption(
        default=False,
        help="Write a page into dist that shows it all and needs no network; with --diff, both builds side by side.",
    )
    markdown = BoolOption(
        default=False, help="With --diff: a table for the summary of a pull request."
    )
    document = BoolOption(
        default=False,
        help="Write the explanation, from which `pyinstaller-explain --document` answers, into dist.",
    )


class ExplainBinary(Goal):
    subsystem_cls = ExplainBinarySubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@dataclass(frozen=True)
class RecordSources:
    """The sources of the program that writes an explanation."""

    digest: Digest


# As the driver's sources: the engine does not watch this package's own files.
@_uncacheable_rule
async def read_record_sources() -> RecordSources:
    contents = [FileContent(f"{_PACKAGE}/__init__.py", b"")]
    files = [_DIRECTORY / f"{name}.py" for name in _PROGRAM]
    files += sorted(path for path in (_DIRECTORY / "record").glob("*.py"))
    for path in files:
        below = path.relative_to(_DIRECTORY).as_posix()
        contents.append(FileContent(f"{_PACKAGE}/{_DIRECTORY.name}/{below}", path.read_bytes()))
    return RecordSources(await Get(Digest, CreateDigest(contents)))


@dataclass(frozen=True)
class Explanation:
    """The explanation of a binary, as the program wrote it: without the manifest."""

    text: bytes


@rule
async def explain(
    request: FreezeRequest, driver: DriverSources, program: RecordSources
) -> Explanation:
    field_set, toolchain = request.field_set, request.toolchain
    app, check, exercise, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, request),
        Get(Check, FreezeRequest, request),
        Get(Exercise, FreezeRequest, request),
        Get(Packed, FreezeRequest, request),
    )
    mounts = {"layer": app.layer.digest, "site": app.layer.site, "tool": app.layer.tool}
    optional = (
        ("trace", app.trace.digest if app.trace else None),
        ("pack", packed.mounts.get("pack")),
    )
    mounts.update({name: digest for name, digest in optional if digest is not None})
    results = {"app": app.digest, "check": check.digest, "exercise": exercise.digest}
    record = RecordRequest(
        program=field_set.address.spec,
        layer="layer",
        app="app",
        site="site",
        tool="tool",
        output=_OUTPUT,
        source_roots=(SOURCES,),
        entry_point=request.application.entry_point,
        trace="trace" if "trace" in mounts else None,
        check="check" if check.digest else None,
        exercise="exercise" if exercise.digest else None,
        pack="pack" if "pack" in mounts else None,
        mode=field_set.mode.value or contract.ONE_FILE,
        hidden_imports=field_set.hidden_imports.value or (),
        collect=field_set.collect.value or (),
        requirements=request.application.requirements,
        hooks=request.hooks.hook_directories,
        optimize=field_set.optimize.value or 0,
    )
    bare_driver = await Get(Digest, RemovePrefix(driver.digest, DRIVER_PREFIX))
    parts = [
        await Get(Digest, AddPrefix(bare_driver, f"{_PACKAGE}/driver")),
        program.digest,
        toolchain.files,
        request.application.digest,
        request.hooks.hooks_digest,
        await Get(Digest, CreateDigest([FileContent(_REQUEST, record.to_json().encode())])),
    ]
    for name, digest in results.items():
        if digest is not None:
            parts.append(await Get(Digest, AddPrefix(digest, name)))
    description = f"Explain {field_set.address}"
    result = await Get(
        FallibleProcessResult,
        Process(
            (
                *toolchain.command,
                *contract.INTERPRETER_FLAGS,
                "-m",
                f"{_PACKAGE}.{_DIRECTORY.name}.record",
                _REQUEST,
            ),
            input_digest=await Get(Digest, MergeDigests(parts)),
            immutable_input_digests={**toolchain.mounts, **FrozenDict(mounts)},
            append_only_caches=toolchain.caches,
            env=toolchain.env,
            output_directories=(_OUTPUT,),
            description=description,
            level=LogLevel.INFO,
        ),
    )
    require_success(result, what=description, repeat=field_set.address.spec)
    files = await Get(DigestContents, Digest, result.output_digest)
    return Explanation(next(file.content for file in files if file.path.endswith(DOCUMENT)))


@dataclass(frozen=True)
class Explained:
    """An explanation with the manifest of the finished executable, and where that one lies in `dist`."""

    text: bytes
    manifest: bytes
    root: str

    def read(self) -> document.Document:
        made = document.load(self.text.decode())
        made.manifest = json.loads(self.manifest)
        return made


@rule
async def explain_binary_for(request: BinaryRequest) -> Explained:
    freeze, executable = await MultiGet(
        Get(FreezeRequest, BinaryRequest, request), Get(Executable, BinaryRequest, request)
    )
    explanation = await Get(Explanation, FreezeRequest, freeze)
    manifest = await Get(
        DigestContents, DigestSubset(executable.digest, PathGlobs([executable.manifest]))
    )
    return Explained(explanation.text, manifest[0].content, executable.root)


@goal_rule
async def explain_binary(
    targets: Targets,
    subsystem: ExplainBinarySubsystem,
    console: Console,
    workspace: Workspace,
    dist: DistDir,
    platforms: ChosenPlatforms,
) -> ExplainBinary:
    field_sets = [
        PyInstallerFieldSet.create(target)
        for target in targets
        if PyInstallerFieldSet.is_applicable(target)
    ]
    if not field_sets:
        console.print_stderr(
            "explain-binary: no pyinstaller_binary among the targets. "
            "Name one: pants explain-binary path/to:app"
        )
        return ExplainBinary(exit_code=1)
    try:
        question = questions.Question(
            why=subsystem.why,
            every=subsystem.all,
            why_not=subsystem.why_not,
            largest=subsystem.largest,
            without=subsystem.without,
            other=_read_other(subsystem.diff) if subsystem.diff else None,
        )
        question.check()
        found = await MultiGet(
            Get(Explained, BinaryRequest(field_set, platform))
            for field_set in field_sets
            for platform in platforms
        )
        shown = []
        files = []
        for one in found:
            made = one.read()
            if subsystem.document:
                path = f"{one.root}.{DOCUMENT}"
                files.append(FileContent(path, document.dump(made).encode()))
            elif subsystem.page:
                path = f"{one.root}.explanation.html"
                files.append(FileContent(path, write.page(made, question.other).encode()))
            else:
                shown.append(
                    questions.show(
                        questions.answer(question, made), subsystem.json, subsystem.markdown
                    )
                )
    except ExplainError as error:
        console.print_stderr(f"explain-binary: {error}")
        return ExplainBinary(exit_code=1)
    console.write_stdout("\n".join(shown))
    if files:
        digest = await Get(Digest, CreateDigest(files))
        workspace.write_digest(digest, path_prefix=str(dist.relpath))
        for file in files:
            console.print_stdout(f"Wrote {dist.relpath}/{file.path}")
    return ExplainBinary(exit_code=0)


def _read_other(path: str) -> inventory.Inventory:
    return inventory.read(os.path.join(get_buildroot(), path))


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
