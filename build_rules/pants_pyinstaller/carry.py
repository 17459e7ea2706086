"""The proof of a program for a platform that can't run here: this machine's, carried over.

It is a step of the freeze like those in `freeze.py`, in place of `Check`.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.fs import AddPrefix, Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, Rule, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict

from pants_pyinstaller.driver import contract
from pants_pyinstaller.freeze import (
    OUTPUT,
    REFERENCE,
    AppLayer,
    DriverOutput,
    DriverRun,
    Layer,
    reference_of,
)
from pants_pyinstaller.inputs import FreezeRequest
from pants_pyinstaller.proof import Carried, CarryRequest, Check, Exercise


@rule
async def carry_proof(request: CarryRequest) -> Carried:
    freeze = request.freeze
    reference = reference_of(freeze)
    assert reference is not None
    app, layer, check, exercise = await MultiGet(
        Get(AppLayer, FreezeRequest, freeze),
        Get(Layer, FreezeRequest, reference),
        Get(Check, FreezeRequest, reference),
        Get(Exercise, FreezeRequest, reference),
    )
    assert check.digest is not None
    mounts = {"layer": app.layer.digest, "site": app.layer.site, REFERENCE: layer.digest}
    if app.trace:
        mounts["trace"] = app.trace.digest
    app_digest, check_digest = await MultiGet(
        Get(Digest, AddPrefix(app.digest, "app")), Get(Digest, AddPrefix(check.digest, "check"))
    )
    parts = [app_digest, check_digest]
    if exercise.digest is not None:
        parts.append(await Get(Digest, AddPrefix(exercise.digest, "exercise")))
    address = freeze.field_set.address
    output = await Get(
        DriverOutput,
        DriverRun(
            program=contract.CARRY,
            request=contract.CarryRequest(
                layer="layer",
                app="app",
                site="site",
                output=OUTPUT,
                reference=REFERENCE,
                check="check",
                exercise="exercise" if exercise.digest is not None else None,
                trace="trace" if app.trace else None,
            ).to_json(),
            toolchain=freeze.toolchain,
            mounts=FrozenDict(mounts),
            files=await Get(Digest, MergeDigests(parts)),
            description=f"Carry the proof of {address} over to {freeze.toolchain.platform}",
            address=address,
        ),
    )
    return Carried(output.digest)


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
