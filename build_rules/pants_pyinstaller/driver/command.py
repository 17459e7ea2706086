"""The command line of the driver: read a request, run its program, print mistakes without a traceback."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

from . import contract, cores
from .errors import DriverError


def main(arguments: list[str]) -> int:
    """Run ``PROGRAM REQUEST.json [CORES]``; the exit code is described in ``contract``."""
    if len(arguments) not in (2, 3) or arguments[0] not in contract.REQUESTS:
        print(
            f"usage: driver {{{','.join(contract.REQUESTS)}}} REQUEST.json [CORES]", file=sys.stderr
        )
        return 2
    program, path = arguments[:2]
    cores.grant(arguments[2] if len(arguments) > 2 else "")
    os.umask(0o022)  # modes of what is written do not depend on the builder's
    # Temporary files go with the sandbox if this process is killed, or if a process that some import started still
    # holds one (Windows removes no such file); and they are on the drive of the inputs.
    tempfile.tempdir = os.getcwd()
    try:
        foreign = os.environ.get(contract.FOREIGN_VARIABLE)
        if foreign:
            importlib.import_module(".analysis.foreign", __package__).adopt(foreign)
        with open(path, encoding="utf-8") as file:
            request = contract.REQUESTS[program].from_json(file.read())
        importlib.import_module(f".{program}", __package__).run(request)
    except (DriverError, ValueError) as error:
        if isinstance(error, ValueError) and type(error) is not ValueError:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
