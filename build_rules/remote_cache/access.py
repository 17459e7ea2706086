"""Who may do what: tokens with a role, and what each role may ask of the server.

A token is a JSON Web Token (RFC 7519), signed with the server's secret by HMAC-SHA-256, with a
time at which it expires. Clients send it as `authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt

ALGORITHM: Final = "HS256"


class Role(enum.Enum):
    """`read` for laptops and forks, `write` for builds whose results everybody may get."""

    READ = "read"
    WRITE = "write"


READS: Final = (
    "GetCapabilities",
    "GetActionResult",
    "FindMissingBlobs",
    "BatchReadBlobs",
    "GetTree",
    "Read",
)
"""RPCs that change nothing."""


def make_token(secret: str, role: Role, subject: str, lifetime: timedelta) -> str:
    """A token for `subject` (a name for the logs) that expires after `lifetime`."""
    now = datetime.now(UTC)
    claims = {"sub": subject, "act": role.value, "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, secret, algorithm=ALGORITHM)
