"""The application's view anew, with functions that a check found to be executed; see ``proof.view``."""

from __future__ import annotations

from . import contract
from .progress import step
from .proof import view


def run(request: contract.ReduceRequest) -> None:
    """Write VIEW_APP/ and VIEW_SOURCES/."""
    view.write(
        request.app, request.source_roots, request.optimize, request.output, request.executed
    )
    step(f"reduce: {len(request.executed)} more functions keep their bodies")
