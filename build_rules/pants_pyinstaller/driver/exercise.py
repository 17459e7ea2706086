"""The user's own programs as a proof: each run unfrozen and in the shape that ships, and compared.

What an unfrozen run uses of the lock, and what a frozen one looks for in vain although the lock has it, joins the
selection, and the frozen runs are repeated. So an exercise that uses each feature once replaces a list of hidden
imports. The last runs are of exactly what ships.

Nothing runs where an earlier outcome holds: see ``proof.known_exercises``.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import tempfile
from collections.abc import Mapping, Sequence

from . import contract, notes, outputs
from .bundle import shape
from .bundle.contents import Layers, load_layers
from .errors import DriverError
from .outputs import Additions, Proved
from .progress import step
from .proof import exercise_compare, exercise_sides, known_exercises, needs
from .proof.exercise_sides import Seen

_ROUNDS = 12
_AT_ONCE = 2


def run(request: contract.ExerciseRequest) -> None:
    """Write EXERCISE_RESULT (an ``outputs.Proved``) and NOTES.

    :raises DriverError: an exercise that fails, or that does not do frozen what it does unfrozen.
    """
    shape.check_mode(request.mode)
    ignored = exercise_compare.patterns(request.ignore or {})
    known = known_exercises.Known(request)
    outcome = known.find()
    if outcome is not None:
        os.makedirs(request.output, exist_ok=True)
        for name, text in outcome.items():
            with open(os.path.join(request.output, name), "w", encoding="utf-8") as file:
                file.write(text)
        step("exercise: nothing has changed that the exercises execute: they do not run again")
        return
    proved = outputs.read_check(request.check)
    dynamic = outputs.read_trace(request.trace)["dynamic"]

    layers = load_layers(request.layer, request.app, request.site, proved)
    shipped = layers.chosen
    messages: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="x", ignore_cleanup_errors=True) as work:
        stage = exercise_sides.prepare(request, layers, work)
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            # Usually the selection is complete already: both sides at once, then.
            waiting = [
                pool.submit(exercise_sides.unfrozen, stage, layers, program)
                for program in stage.programs
            ]
            runs = _frozen(pool, stage, layers, proved.early)
            sides = [future.result() for future in waiting]
            if sides[0][2]:
                text = f"exercises ran with this machine's network: {sides[0][2]}"
                step(text)
                messages.append(notes.note("proof", text))
            for program, (side, _, _) in zip(stage.programs, sides):
                exercise_compare.refuse_failing(
                    program.name, side, "unfrozen", request.timeout, ignored
                )
            executed = set[str]().union(*(seen.functions for _, seen, _ in sides))
            found = Additions(*needs.used(layers, [seen for _, seen, _ in sides]))
            new = found.beyond(Additions())
            for attempt in range(_ROUNDS):
                executed.update(*(seen.functions for _, seen in runs))
                more = Additions(*needs.missed(layers, [seen for _, seen in runs]))
                new += more.beyond(found)
                found.join(more)
                if not new:
                    break
                step(
                    f"exercise: {', '.join(sorted(new)[:8])} "
                    f"used, but not in the bundle: added (run {attempt + 2})"
                )
                layers.refine(found, dynamic)
                new = []
                runs = _frozen(pool, stage, layers, proved.early)
            executed.update(*(seen.functions for _, seen in runs))
        differences = [
            exercise_compare.difference(
                program.name,
                program.program,
                plain[0],
                frozen,
                ignored,
                layers.app.wanted.excludes,
            )
            for program, plain, (frozen, _) in zip(stage.programs, sides, runs)
        ]
    refuse([text for text in differences if text is not None])
    added = Additions(
        set(layers.chosen.modules) - set(shipped.modules),
        set(layers.chosen.files) - set(shipped.files),
    )
    os.makedirs(request.output, exist_ok=True)
    messages.append(
        notes.note("proof", f"{len(stage.programs)} exercises do the same frozen as unfrozen")
    )
    for pattern, reason in (request.ignore or {}).items():
        messages.append(notes.note("accepted", f"output that matches {pattern}: {reason}"))
    notes.write(request.output, messages)
    outputs.write(request.output, contract.EXERCISE_RESULT, Proved(layers.chosen, added))
    known.keep(executed, request.output, [contract.NOTES, contract.EXERCISE_RESULT])
    step(
        f"exercise: {len(stage.programs)} exercises do the same frozen as unfrozen, "
        f"{len(added.modules)} modules and {len(added.files)} files joined the selection"
    )


def _frozen(
    pool: concurrent.futures.Executor,
    stage: exercise_sides.Stage,
    layers: Layers,
    early: Mapping[str, Sequence[str]],
) -> list[tuple[exercise_compare.Side, Seen]]:
    run_one = functools.partial(exercise_sides.frozen, stage, layers, early)
    return list(pool.map(run_one, stage.programs))


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
