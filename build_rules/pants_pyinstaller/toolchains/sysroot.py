"""Another architecture's Linux: Debian's packages in a root directory of their own, run by qemu."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Rule, collect_rules, rule
from pants.engine.unions import UnionRule

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.toolchain import SysrootToolchainRequest, Toolchain


@rule
async def find_sysroot_toolchain(request: SysrootToolchainRequest) -> Toolchain:
    raise FreezeError(f"{request.platform} can't be built yet.")


def rules() -> Iterable[Rule | UnionRule]:
    return collect_rules()
