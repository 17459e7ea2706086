"""The one place that knows which Pants this is: names that moved or went between its lines."""

from __future__ import annotations

from typing import Any

try:  # since 2.28
    from pants.core.environments.target_types import (  # type: ignore[import,unused-ignore]
        EnvironmentField,
        EnvironmentTarget,
    )
except ImportError:
    from pants.core.util_rules.environments import (  # type: ignore[assignment,unused-ignore]
        EnvironmentField,
        EnvironmentTarget,
    )

LOCKFILE_RULES_TYPE: Any
"""What a tool with its own lock says of the rules that make it; without meaning since 2.18."""
try:
    from pants.backend.python.subsystems.python_tool_base import (  # type: ignore[attr-defined,unused-ignore]
        LockfileRules,
    )
except ImportError:
    LOCKFILE_RULES_TYPE = None
else:
    LOCKFILE_RULES_TYPE = LockfileRules.SIMPLE

__all__ = ["LOCKFILE_RULES_TYPE", "EnvironmentField", "EnvironmentTarget"]
