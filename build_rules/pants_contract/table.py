"""Makes and reads lines.json: what each line of Pants offers of what our backend uses.

    python -m pants_contract.table CHECKOUT [LINE ...]

CHECKOUT is a clone of Pants with its tags. LINE is a release such as 2.27.1; without one, those of the
table are read anew. The table holds names and parameters alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from pants_contract import offered, used

TABLE = Path(__file__).resolve().parent / "lines.json"
BACKEND = Path(__file__).resolve().parent.parent / "pants_pyinstaller"
# They run on the target's Python, without Pants.
PROGRAMS = ("driver", "testing", "sysroot")
MOVED = (
    "pants.core.environments.target_types:EnvironmentField",
    "pants.core.util_rules.environments:EnvironmentField",
)
"""Names of which one has to be there: `_compat.py` takes the first that is."""

Offer = Mapping[str, Optional[Sequence[str]]]
"""`module:name` to its parameters, None where any may be given. What is missing is not in it."""


def uses() -> dict[str, used.Use]:
    """What our backend uses."""
    texts = [path.read_text("utf-8") for path in used.sources(BACKEND, PROGRAMS)]
    return used.uses(texts)


def problems(uses: Mapping[str, used.Use], offer: Offer) -> list[str]:
    """What of `uses` a line does not offer, a sentence each."""
    found = []
    for symbol, use in sorted(uses.items()):
        if symbol not in offer:
            found.append(f"{symbol} is not there")
            continue
        parameters = offer[symbol]
        if parameters is None:
            continue
        unknown = sorted(use.keywords - set(parameters))
        if unknown:
            found.append(f"{symbol} takes no {', '.join(unknown)}")
        if use.positional > len(parameters):
            found.append(f"{symbol} takes {len(parameters)} arguments, not {use.positional}")
    if not any(symbol in offer for symbol in MOVED):
        found.append(f"none of {', '.join(MOVED)} is there")
    return found


def offer_of(checkout: Path, line: str, symbols: Sequence[str]) -> dict[str, list[str] | None]:
    """What the release `line` offers of `symbols`."""
    read: dict[str, str | None] = {}

    def module(name: str) -> str | None:
        if name not in read:
            base = f"release_{line}:src/python/{name.replace('.', '/')}"
            read[name] = next(
                (
                    text
                    for end in (".py", ".pyi", "/__init__.py")
                    if (text := _show(checkout, base + end))
                ),
                None,
            )
        return read[name]

    found: dict[str, list[str] | None] = {}
    for symbol in symbols:
        try:
            found[symbol] = offered.parameters(module, symbol)
        except offered.Missing:
            continue
    return found


def _show(checkout: Path, what: str) -> str | None:
    done = subprocess.run(
        ["git", "-C", str(checkout), "show", what], capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


def load() -> dict[str, Offer]:
    table: dict[str, Offer] = json.loads(TABLE.read_text("utf-8"))
    return table


def main(argv: Sequence[str]) -> int:
    if not argv:
        print(__doc__, file=sys.stderr)
        return 2
    checkout, *lines = argv
    symbols = sorted({*uses(), *MOVED})
    table = load() if TABLE.exists() else {}
    for line in lines or list(table):
        offer = offer_of(Path(checkout), line, symbols)
        if not offer:
            print(f"{checkout} has no tag release_{line} of Pants; fetch its tags", file=sys.stderr)
            return 1
        table[line] = offer
        wrong = problems(uses(), offer)
        print(f"{line}: {'as we use it' if not wrong else '; '.join(wrong)}")
    ordered = {line: table[line] for line in sorted(table, key=_number)}
    temporary = TABLE.with_suffix(".tmp")
    temporary.write_text(json.dumps(ordered, indent=1, sort_keys=False) + "\n", "utf-8")
    temporary.replace(TABLE)
    return 0


def _number(line: str) -> tuple[int, ...]:
    """A release's place: those before it, such as 2.34.0.dev3, count as it."""
    return tuple(int(part) for part in line.split(".") if part.isdigit())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
