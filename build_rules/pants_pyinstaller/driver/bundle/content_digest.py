"""What a bundle holds as one digest, which its executable and its proof kit share."""

from __future__ import annotations

import hashlib

from .contents import Layers


def of(layers: Layers) -> str:
    """Digest of what a bundle holds, whatever its entry script and its build information: SHA-256, in hex."""
    total = hashlib.sha256()

    def add(*words: str | bytes) -> None:
        for word in words:
            total.update(hashlib.sha256(word.encode() if isinstance(word, str) else word).digest())

    layer, app = layers.layer, layers.app
    add(layer.platform, layer.python["sha256"], layer.pyinstaller)
    for name in layers.chosen.modules:
        node = layer.nodes[layer.number[name]]
        add("module", name, layers.code[node.offset : node.offset + node.length])
    for dest in layers.chosen.files:
        if dest not in app.files:
            add("file", dest, layer.files[dest].sha256)
    for own in app.modules:
        add("own module", own.name, layers.own_code[own.offset : own.offset + own.length])
    for dest in sorted(app.files):
        with open(layers.own_path(dest), "rb") as file:
            add("own file", dest, file.read())
    for hook in (*app.hooks, "entry"):
        add("script", layers.own_script(hook))
    return total.hexdigest()
