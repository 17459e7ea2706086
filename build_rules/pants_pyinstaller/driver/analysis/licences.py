"""LAYER_LICENCES: the licence texts of everything that a layer may bring into a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .. import contract, outputs
from . import distributions, interpreter, natives
from .resolve import Resolve


def write(
    resolve: Resolve,
    request: contract.LayerRequest,
    host: Mapping[str, dict[str, Any]],
    decompressor: str,
) -> None:
    """Write LAYER_LICENCES.

    :param host: the host's libraries in the layer.
    :param decompressor: project, installed beside PyInstaller, that one-file executables hold a module of.
    """
    texts: dict[str, Any] = {
        "distributions": {},
        "packages": {},
        "interpreter": [],
        "interpreter_libraries": interpreter.own_libraries()["texts"],
    }
    for distribution in resolve.dists:
        found = []
        for path in distribution.licence_files:
            with open(os.path.join(resolve.site, path), encoding="utf-8", errors="replace") as file:
                found.append({"file": path.rsplit("/", 1)[-1], "text": file.read()})
        texts["distributions"][distribution.key] = found
    for package in sorted({item["package"] for item in host.values() if item["package"]}):
        texts["packages"][package] = natives.host_licence(package)
    tool = os.path.realpath(request.tool)
    for item in distributions.read_distributions(tool):
        if item.key in ("pyinstaller", decompressor):
            found = []
            for path in item.licence_files:
                with open(os.path.join(tool, path), encoding="utf-8", errors="replace") as file:
                    found.append({"file": path.rsplit("/", 1)[-1], "text": file.read()})
            if item.key == "pyinstaller":
                texts["bootloader"] = found
            else:
                text = "\n".join(one["text"] for one in found)
                texts["interpreter_libraries"][item.name] = text
    candidates = [
        os.path.join(root, name) for root in resolve.library for name in ("LICENSE.txt", "LICENSE")
    ]
    candidates += [os.path.join(interpreter.prefix(), name) for name in ("LICENSE.txt", "LICENSE")]
    for path in candidates:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts["interpreter"].append({"file": "LICENSE.txt", "text": file.read()})
            break
    outputs.write_json(request.output, contract.LAYER_LICENCES, texts)
