"""The user's own programs as a proof: each run unfrozen and in the shape that ships, and compared.

What an unfrozen run uses of the lock, and what a frozen one looks for in vain although the lock has it, joins the
selection, and the frozen runs are repeated. So an exercise that uses each feature once replaces a list of hidden
imports. The last runs are of exactly what ships.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import (
    app,
    assemble,
    bundle,
    check,
    contract,
    exercise_compare,
    exercise_sides,
    index,
    notes,
    probing,
    selection,
    shape,
)
from .distributions import normalize
from .errors import DriverError
from .exercise_sides import Seen
from .progress import step

_ROUNDS = 6
_AT_ONCE = 2


def run(request: contract.ExerciseRequest) -> None:
    """Write EXERCISE_RESULT: ``modules`` and ``files`` that join the selection of ``check``.

    :raises DriverError: an exercise that fails, or that does not do frozen what it does unfrozen.
    """
    shape.check_mode(request.mode)
    ignored = exercise_compare.patterns(request.ignore or {})
    proved = assemble.read_check(request.check)
    dynamic = app.read_dynamic(request.trace)

    def load(modules: Iterable[str], files: Iterable[str]) -> bundle.Layers:
        return bundle.load(
            request.layer,
            request.app,
            dynamic,
            {*proved["modules"], *modules},
            {*proved["files"], *files},
            request.site,
            own_files=proved["own_files"],
            unpacked=proved["unpacked"],
        )

    layers = bundle.load(
        request.layer,
        request.app,
        {},
        proved["modules"],
        proved["files"],
        request.site,
        own_files=proved["own_files"],
        unpacked=proved["unpacked"],
    )
    shipped = layers.chosen
    said: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="x", ignore_cleanup_errors=True) as work:
        stage = exercise_sides.prepare(request, layers, work)
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            # Usually the selection is complete already: both sides at once, then.
            waiting = [
                pool.submit(exercise_sides.unfrozen, stage, layers, program)
                for program in stage.programs
            ]
            runs = _frozen(pool, stage, layers, proved["early"])
            sides = [future.result() for future in waiting]
            if sides[0][2]:
                text = f"exercises ran with this machine's network: {sides[0][2]}"
                step(text)
                said.append(notes.note("proof", text))
            for program, (side, _, _) in zip(stage.programs, sides):
                exercise_compare.refuse_failing(
                    program.name, side, "unfrozen", request.timeout, ignored
                )
            modules, files = used(layers, [seen for _, seen, _ in sides])
            for attempt in range(_ROUNDS):
                more = missed(layers, [seen for _, seen in runs])
                if attempt and not (more[0] - modules or more[1] - files):
                    break
                modules |= more[0]
                files |= more[1]
                if not modules and not files:
                    break
                step(
                    f"exercise: {', '.join(sorted(modules | files)[:8])} "
                    f"used, but not in the bundle: added (run {attempt + 2})"
                )
                layers = load(modules, files)
                runs = _frozen(pool, stage, layers, proved["early"])
        found = [
            exercise_compare.difference(
                program.name,
                program.program,
                plain[0],
                frozen,
                ignored,
                layers.app.request.excludes,
            )
            for program, plain, (frozen, _) in zip(stage.programs, sides, runs)
        ]
    refuse([text for text in found if text is not None])
    result: dict[str, Any] = {
        "schema": contract.SCHEMA,
        "exercises": sorted(request.exercises),
        "modules": sorted(set(layers.chosen.modules) - set(shipped.modules)),
        "files": sorted(set(layers.chosen.files) - set(shipped.files)),
    }
    os.makedirs(request.output, exist_ok=True)
    said.append(
        notes.note("proof", f"{len(stage.programs)} exercises do the same frozen as unfrozen")
    )
    for pattern, reason in (request.ignore or {}).items():
        said.append(notes.note("accepted", f"output that matches {pattern}: {reason}"))
    notes.write(request.output, said)
    with open(
        os.path.join(request.output, contract.EXERCISE_RESULT), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(result, out, sort_keys=True, indent=1)
    step(
        f"exercise: {len(stage.programs)} exercises do the same frozen as unfrozen, "
        f"{len(result['modules'])} modules and {len(result['files'])} files joined the selection"
    )


def _frozen(
    pool: concurrent.futures.Executor,
    stage: exercise_sides.Stage,
    layers: bundle.Layers,
    early: Mapping[str, Sequence[str]],
) -> list[tuple[exercise_compare.Side, Seen]]:
    run_one = functools.partial(exercise_sides.frozen, stage, layers, early)
    return list(pool.map(run_one, stage.programs))


def used(layers: bundle.Layers, runs: Iterable[Seen]) -> tuple[set[str], set[str]]:
    """Modules and files of the lock that unfrozen runs used and that the selection lacks."""
    layer = layers.layer
    selected, files = set(layers.chosen.modules), set(layers.chosen.files)
    modules, wanted = set(), set()
    for seen in runs:
        for name in seen.modules - selected:
            node = layer.node(name)
            if (
                node is not None
                and node.owner >= 0
                and node.kind in index.PRESENT_KINDS
                and not _is_out(layers, name)
            ):
                modules.add(name)
        # Whoever looks for any distribution reads the metadata of all.
        wanted |= {
            path
            for path in seen.files - files
            if (path in layer.files or path in layer.others) and ".dist-info/" not in path
        }
    return modules, wanted


def missed(layers: bundle.Layers, runs: Iterable[Seen]) -> tuple[set[str], set[str]]:
    """Modules and files that frozen runs looked for in vain, although the lock has them."""
    layer = layers.layer
    files = set(layers.chosen.files)
    modules, wanted = set(), set()
    for seen in runs:
        report = probing.Report(
            missed_modules=dict.fromkeys(seen.modules, ("", "")),
            missed_files=dict.fromkeys(seen.files, ("", "")),
        )
        more_modules, more_files = check.needed(layers, report)
        modules |= more_modules
        wanted |= more_files | {path for path in seen.files - files if path in layer.others}
        asked = {normalize(name) for name in seen.distributions}
        for dist in layer.dists:
            if dist.key in asked or not seen.groups.isdisjoint(dist.entry_points):
                wanted |= set(dist.metadata) - files
    return modules, wanted


def _is_out(layers: bundle.Layers, name: str) -> bool:
    asked = layers.app.request
    return selection.is_under(name, (*asked.excludes, *asked.shadowed))


def refuse(differences: list[str]) -> None:
    """Fail when anything is left.

    :raises DriverError: with every difference.
    """
    if differences:
        raise DriverError(
            f"exercises do not do frozen what they do unfrozen ({len(differences)}):\n"
            + "\n".join(differences)
            + "\nAccept what may differ in the output in exercise_ignore = {regular expression: reason}."
        )
