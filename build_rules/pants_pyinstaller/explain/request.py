"""What `record` is asked for: read by the rules and by the program, hence Python 3.9."""

from __future__ import annotations

from dataclasses import dataclass

from pants_pyinstaller.driver import contract

DOCUMENT = "explanation.json"


@dataclass(frozen=True)
class RecordRequest(contract.Request):
    """Write the explanation of a program from what its steps left: DOCUMENT in ``output``.

    :param program: what the answers call it: an address.
    :param layer, app, site, tool, trace, check, exercise, pack: directories, as in the steps' own requests.
    :param source_roots, entry_point, hidden_imports, collect, requirements, hooks: as in ``contract.AppRequest``.
    :param mode: ONE_FILE or ONE_DIR.
    """

    program: str
    layer: str
    app: str
    site: str
    tool: str
    output: str
    source_roots: tuple[str, ...]
    entry_point: str
    trace: str | None = None
    check: str | None = None
    exercise: str | None = None
    pack: str | None = None
    mode: str = contract.ONE_FILE
    hidden_imports: tuple[str, ...] = ()
    collect: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    optimize: int = 0
