"""The parts of the benchmark; `compare.py` beside this package is its command."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):
    sys.exit("bench: needs Python 3.11 or newer: make bench PYTHON=python3.13")
