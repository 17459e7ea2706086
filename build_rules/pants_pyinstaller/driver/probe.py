"""The verdict on a layer: what the trace found, less what is accepted."""

from __future__ import annotations

import json
import os

from . import contract
from .errors import DriverError
from .progress import step


def run(request: contract.ProbeRequest) -> None:
    """Write PROBE_RESULT.

    A module that differs stops only the binaries that hold it (``check`` refuses them); metadata or data files that
    a frozen program cannot find concern every binary and stop the build here.

    :raises DriverError: metadata or resources are not found frozen.
    """
    with open(os.path.join(request.trace, contract.TRACE_RESULT), encoding="utf-8") as file:
        trace = json.load(file)
    allow = request.allow or {}
    for name, reason in allow.items():
        if not reason.strip():
            raise DriverError(f"proof_allow: {name} needs a reason")
    differences = [item for item in trace["differences"] if item["module"] not in allow]
    faults = [fault for fault in trace["faults"] if fault[1] not in allow]
    os.makedirs(request.output, exist_ok=True)
    with open(
        os.path.join(request.output, contract.PROBE_RESULT), "w", encoding="utf-8", newline="\n"
    ) as out:
        json.dump(
            {"schema": contract.SCHEMA, "differences": differences, "faults": faults},
            out,
            sort_keys=True,
            indent=1,
        )
    for item in differences:
        step(f"note: {item['module']} does not import frozen; binaries that hold it are refused")
    if faults:
        lines = []
        for fault in faults:
            if fault[0] == "version":
                lines.append(
                    f"  metadata of {fault[1]}: unfrozen version {fault[2]}, frozen {fault[3]}"
                )
            else:
                lines.append(
                    f"  data file {fault[2]} of package {fault[1]}: not found by importlib.resources"
                )
        raise DriverError(
            "the layer's bundle lacks what the unfrozen environment has:\n"
            + "\n".join(lines)
            + "\n"
            "Accept a distribution or package in proof_allow with the reason, or report it: this should not happen."
        )
    step(
        f"probe: {trace['modules']} modules proved, {len(differences)} differ, {len(allow)} accepted"
    )
