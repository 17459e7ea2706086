"""The proof of one platform carried over to another whose programs cannot run here.

A proof finds what a program needs that no analysis sees, and shows that the frozen program works.
The first can be carried over where both platforms run the same sources: what joined the selection there joins it here.
The second cannot: the result is marked as deferred until a machine of the platform has delivered it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from . import contract, index, notes, outputs
from .analysis import foreign
from .bundle.contents import load_layers
from .errors import DriverError
from .outputs import Additions, Proved
from .progress import step


def run(request: contract.CarryRequest) -> None:
    """Write CHECK_RESULT, CHECK_FILES/ and NOTES, as ``check`` does.

    :raises DriverError: there is no interpreter that cannot run here.
    """
    if foreign.adopted() is None:
        raise DriverError("what runs here is proved here: nothing is to be carried over")
    layers = load_layers(request.layer, request.app, request.site)
    proved = outputs.read_check(request.check)
    added = proved.additions
    if request.exercise:
        last = outputs.read_exercise(request.exercise)
        added.join(Additions(last.additions.modules, last.additions.files))
        proved.early = last.early or proved.early
    layer = layers.layer
    found = Additions(
        modules={name for name in added.modules if layer.is_present(name)},
        files=set(_files(layer, added.files)),
        own_files=added.own_files,
        unpacked=added.unpacked,
        askers=added.askers,
    )
    layers.refine(found, outputs.read_trace(request.trace)["dynamic"])
    os.makedirs(request.output, exist_ok=True)
    places = {}
    for dest, path in layers.own_places.items():
        places[dest] = f"{contract.CHECK_FILES}/{dest}"
        target = os.path.join(request.output, *places[dest].split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)
    found.own_files = places
    present = set(layers.chosen.modules)
    early = {
        name: [item for item in wanted if item in present] for name, wanted in proved.early.items()
    }
    source = index.read(request.reference).platform
    message = (
        f"{layer.platform} cannot run on the machine that built this: {len(found.modules)} modules and "
        f"{len(found.files)} files are in because the proof on {source} found them needed, and a machine of the "
        "platform has to deliver the proof itself"
    )
    notes.write(request.output, [notes.note("proof", message)])
    result = Proved(layers.chosen, found, early, proved.failing, carried_from=source)
    outputs.write(request.output, contract.CHECK_RESULT, result)
    step(f"carry: the proof on {source} added {len(found.modules)} modules")


def _files(layer: index.Index, wanted: Iterable[str]) -> Iterable[str]:
    """Files of the layer that stand for those of another platform's: extension modules have other suffixes."""
    adopted = foreign.adopted()
    assert adopted is not None
    for dest in wanted:
        folder, slash, name = dest.rpartition("/")
        own = f"{folder}{slash}{name.partition('.')[0]}{adopted.suffixes[0]}"
        for candidate in (dest, own):
            if candidate in layer.files or candidate in layer.others:
                yield candidate
                break
