"""``python -m pants_pyinstaller.explain.record REQUEST.json``."""

from __future__ import annotations

import sys

from pants_pyinstaller.driver.errors import DriverError
from pants_pyinstaller.explain.record import program
from pants_pyinstaller.explain.request import RecordRequest


def main(arguments: list[str]) -> int:
    """Run one request; the exit code is that of the driver's programs."""
    try:
        with open(arguments[0], encoding="utf-8") as file:
            request = RecordRequest.from_json(file.read())
        program.run(request)
    except DriverError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
