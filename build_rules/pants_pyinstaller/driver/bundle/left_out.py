"""What a program could import unfrozen and that the selection left out: what its errors can explain."""

from __future__ import annotations

import zlib

from ..index import PRESENT_KINDS
from .contents import Layers

_EXCLUDED = "-"


def names(layers: Layers) -> dict[str, str]:
    """Module -> name and version of its distribution, "" of the standard library, "-" where ``excludes`` names it.

    Of a package that is left out whole its own name alone: importing it is what fails.
    """
    layer, app = layers.layer, layers.app
    inside = {*layers.chosen.modules, *(item.name for item in app.modules)}
    shadowed = app.wanted.shadowed
    found = {}
    for name, node in zip(layer.names, layer.nodes):
        parent = name.rpartition(".")[0]
        if (
            node.kind in PRESENT_KINDS
            and name not in inside
            and (not parent or parent in inside)
            and name.partition(".")[0] not in shadowed
            and not name.endswith("__main__")
        ):
            dist = layer.dists[node.owner] if node.owner >= 0 else None
            found[name] = f"{dist.name} {dist.version}" if dist else ""
    found.update(dict.fromkeys(app.wanted.excludes, _EXCLUDED))
    return found


def table(layers: Layers) -> bytes:
    """``names`` as the runtime's script of this name reads it; empty where nothing is left out."""
    rows = [f"{name}\t{origin}" for name, origin in sorted(names(layers).items())]
    return zlib.compress("\n".join(rows).encode(), 9) if rows else b""
