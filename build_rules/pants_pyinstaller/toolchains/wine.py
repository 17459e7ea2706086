"""The Windows Python, run by Wine.

What this rule owes (see `Toolchain`):

* a Windows CPython of the minor version that `interpreter_constraints` allow, as a digest in
  `mounts` (read-only and shared by all processes, so a prefix that Wine writes to has to be made
  from it below the sandbox's root, or in a named cache);
* `command`: a launcher below `files`, started by `python`, that ends with all that it started and
  passes arguments, working directory and exit code through. `driver/contract.py` says what the
  programs expect; they are not told that they run under Wine;
* `content`: a SHA-256 over the Windows Python, Wine's version and whatever else decides the bytes;
* `wheels`: ("--python", python, "--python-version", version, "--python-platform",
  request.platform.wheels);
* a FreezeError where Wine is missing, with the Debian package that brings it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Rule, collect_rules, rule
from pants.engine.unions import UnionRule

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.toolchain import Toolchain, WineToolchainRequest


@rule
async def find_wine_toolchain(request: WineToolchainRequest) -> Toolchain:
    raise FreezeError(f"{request.platform} can't be built yet.")


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
