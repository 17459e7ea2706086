"""The proof of an application as cached processes: `Check` and `Exercise`.

The check's inputs are a view of the application that lacks what its imports do not execute (see
`driver/analysis/reduction.py`), so most changes of first-party code leave them as they are, and
Pants has the outcome in its cache, here or remotely. A view guesses what imports execute; where
it was wrong the check says so, and runs again. Each of these processes is cached too, so that after
the next change only the last one may have to run.

Exercises execute much more, and what they execute is known only after a run. So their process
always starts, and keeps outcomes in a named cache by what was executed
(`driver/proof/known_exercises.py`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import (
    EMPTY_DIGEST,
    AddPrefix,
    Digest,
    DigestContents,
    DigestSubset,
    MergeDigests,
    PathGlobs,
)
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from pants_pyinstaller.driver import contract
from pants_pyinstaller.exercises import EXERCISES
from pants_pyinstaller.freeze import (
    CACHE,
    OUTPUT,
    PACK,
    AppLayer,
    DriverOutput,
    DriverRun,
    Packed,
)
from pants_pyinstaller.inputs import SOURCES, FreezeRequest
from pants_pyinstaller.own_files import DriverSources

logger = logging.getLogger(__name__)

_VIEWS = 4
"""Views that are tried before the whole application is checked."""


@dataclass(frozen=True)
class Check:
    """That what the application reaches does the same frozen as unfrozen; None where not asked."""

    digest: Digest | None


@dataclass(frozen=True)
class ViewRequest:
    """`AppLayer.view` anew: these functions keep their bodies."""

    freeze: FreezeRequest
    executed: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """What `contract.ReduceRequest` describes."""

    digest: Digest


@rule
async def make_view(request: ViewRequest) -> View:
    freeze = request.freeze
    app = await Get(AppLayer, FreezeRequest, freeze)
    if not request.executed:
        return View(app.view)
    app_digest = await Get(Digest, AddPrefix(app.digest, "app"))
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.REDUCE,
            request=contract.ReduceRequest(
                app="app",
                output=OUTPUT,
                source_roots=(SOURCES,),
                executed=request.executed,
                optimize=freeze.field_set.optimize.value or 0,
            ).to_json(),
            toolchain=freeze.toolchain,
            mounts=FrozenDict(),
            files=await Get(Digest, MergeDigests([app_digest, freeze.application.digest])),
            description=f"Reduce {freeze.field_set.address} to what its imports execute",
            address=freeze.field_set.address,
        ),
    )
    return View(output.digest)


@dataclass(frozen=True)
class CheckedRequest:
    """The application to check: its `view`, or the whole where there is none."""

    freeze: FreezeRequest
    view: View | None


@dataclass(frozen=True)
class Checked:
    """An outcome; or, where a view does not do, the functions that it lacks (none: the whole is needed)."""

    digest: Digest
    void: bool
    executed: tuple[str, ...]


@rule
async def check_once(request: CheckedRequest) -> Checked:
    freeze = request.freeze
    field_set = freeze.field_set
    app, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, freeze), Get(Packed, FreezeRequest, freeze)
    )
    mounts = {
        "layer": app.layer.digest,
        "site": app.layer.site,
        "tool": app.layer.tool,
        **packed.mounts,
    }
    if app.trace:
        mounts["trace"] = app.trace.digest
    app_path, roots = "app", (SOURCES,)
    if request.view:
        app_path, roots = f"app/{contract.VIEW_APP}", (f"app/{contract.VIEW_SOURCES}",)
    parts = [
        await Get(Digest, AddPrefix(request.view.digest if request.view else app.digest, "app"))
    ]
    if request.view is None:
        parts.append(freeze.application.digest)
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.CHECK,
            request=contract.CheckRequest(
                mode=field_set.mode.value or contract.ONE_FILE,
                pack=PACK if packed.mounts else None,
                layer="layer",
                app=app_path,
                site="site",
                tool="tool",
                output=OUTPUT,
                source_roots=roots,
                reduced=request.view is not None,
                trace="trace" if app.trace else None,
                cache=CACHE,
                allow=dict(field_set.proof_allow.value or {}),
            ).to_json(),
            toolchain=freeze.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Prove that {field_set.address} imports frozen as unfrozen",
            address=field_set.address,
        ),
    )
    files = await Get(DigestContents, DigestSubset(output.digest, PathGlobs([contract.CHECK_VOID])))
    executed = json.loads(files[0].content)["executed"] if files else ()
    return Checked(output.digest, bool(files), tuple(executed))


@dataclass(frozen=True)
class CarryRequest:
    """Carry the proof on this machine over to the platform of `freeze`, which can't run here."""

    freeze: FreezeRequest


@dataclass(frozen=True)
class Carried:
    """What stands for a check."""

    digest: Digest


@rule
async def check_application(request: FreezeRequest) -> Check:
    if request.field_set.proof.value == contract.PROOF_OFF:
        return Check(None)
    if request.toolchain.reference:
        carried = await Get(Carried, CarryRequest(request))
        return Check(carried.digest)
    executed: set[str] = set()
    for _ in range(_VIEWS):
        view = await Get(View, ViewRequest(request, tuple(sorted(executed))))
        if view.digest == EMPTY_DIGEST:
            break
        checked = await Get(Checked, CheckedRequest(request, view))
        if not checked.void:
            return Check(checked.digest)
        if executed.issuperset(checked.executed):
            break
        executed.update(checked.executed)
    checked = await Get(Checked, CheckedRequest(request, None))
    return Check(checked.digest)


@dataclass(frozen=True)
class Exercise:
    """That the target's exercises do the same frozen as unfrozen; None where there are none."""

    digest: Digest | None


@rule
async def exercise_application(request: FreezeRequest, driver: DriverSources) -> Exercise:
    field_set = request.field_set
    if not request.exercises.modules:
        return Exercise(None)
    if request.toolchain.reference:  # see carry.py
        return Exercise(None)
    if request.toolchain.windows:  # Wine's processes and pipes differ from those of Windows
        logger.info("%s: exercises are not run under Wine", field_set.address)
        return Exercise(None)
    app, check, packed = await MultiGet(
        Get(AppLayer, FreezeRequest, request),
        Get(Check, FreezeRequest, request),
        Get(Packed, FreezeRequest, request),
    )
    assert check.digest is not None, "exercises are refused without a proof"
    mounts = {"layer": app.layer.digest, "site": app.layer.site, **packed.mounts}
    if app.trace:
        mounts["trace"] = app.trace.digest
    app_digest, check_digest = await MultiGet(
        Get(Digest, AddPrefix(app.digest, "app")), Get(Digest, AddPrefix(check.digest, "check"))
    )
    parts = [app_digest, check_digest, request.application.digest, request.exercises.digest]
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.EXERCISE,
            request=contract.ExerciseRequest(
                layer="layer",
                app="app",
                check="check",
                site="site",
                output=OUTPUT,
                source_roots=(SOURCES,),
                exercise_roots=(EXERCISES,),
                exercises=dict(request.exercises.modules),
                trace="trace" if app.trace else None,
                pack=PACK if packed.mounts else None,
                mode=field_set.mode.value or contract.ONE_FILE,
                contents_directory=field_set.contents_directory.value or contract.CONTENTS,
                python_options=field_set.python_options.value or (),
                timeout=field_set.exercise_timeout.value or 0,
                network=field_set.exercise_network.value,
                ignore=dict(field_set.exercise_ignore.value or {}),
                cache=CACHE,
                inputs=_fingerprint(request, driver, mounts),
            ).to_json(),
            toolchain=request.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Run the exercises of {field_set.address} unfrozen and frozen",
            address=field_set.address,
        ),
    )
    return Exercise(output.digest)


def _fingerprint(request: FreezeRequest, driver: DriverSources, mounts: dict[str, Digest]) -> str:
    """Stands for all inputs of an exercise but the request and first-party ones."""
    inputs = (request.toolchain, driver, sorted((name, repr(mounts[name])) for name in mounts))
    return hashlib.sha256(repr(inputs).encode()).hexdigest()


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
