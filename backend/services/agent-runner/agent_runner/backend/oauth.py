"""Access tokens for the backend: OAuth 2 client credentials."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any, Final

import jwt
from authlib.integrations.base_client.errors import OAuthError  # type: ignore[import-untyped]  # no stubs
from authlib.integrations.httpx_client import (  # type: ignore[import-untyped]  # no stubs
    AsyncOAuth2Client,
)

from agent_runner.errors import AgentRunnerError, ConfigurationError
from agent_runner.settings import Settings

EARLY_SECONDS: Final = 30.0
"""A token is renewed so long before it expires."""

_DEFAULT_LIFETIME_SECONDS: Final = 300.0
"""Lifetime of a token that does not state one."""


class TokenUnavailable(AgentRunnerError):
    """The token endpoint refused, or did not answer."""


class TokenSource:
    """Keeps one token, and fetches the next before it expires."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.oauth_client_secret
        if not (settings.oauth_token_url and settings.oauth_client_id and secret):
            raise ConfigurationError(
                "cloud mode needs AGENT_RUNNER_OAUTH_TOKEN_URL, …_CLIENT_ID, …_CLIENT_SECRET"
            )
        self._url = settings.oauth_token_url
        self._scope = settings.oauth_scope
        self._client = AsyncOAuth2Client(
            client_id=settings.oauth_client_id,
            client_secret=secret,
            scope=settings.oauth_scope,
            timeout=10,
        )
        self._token: str | None = None
        self._expires_at = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """A valid access token.

        Raises:
            TokenUnavailable: no token could be obtained.
        """
        async with self._lock:
            if self._token is None or time.time() >= self._expires_at - EARLY_SECONDS:
                await self._fetch()
            assert self._token is not None
            return self._token

    def forget(self) -> None:
        """Fetch a new token next time, because the backend refused this one."""
        self._token = None

    async def _fetch(self) -> None:
        try:
            answer: dict[str, Any] = await self._client.fetch_token(
                self._url, grant_type="client_credentials"
            )
            token = str(answer["access_token"])
        except OAuthError as error:
            raise TokenUnavailable(
                f"{self._url} refused the client credentials: {error.error}: {error.description}"
            ) from error
        except Exception as error:
            # which HTTP client authlib uses, and so whose errors these are, is authlib's choice
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TokenUnavailable(f"no token from {self._url}: {reason}") from error
        self._token = token
        self._expires_at = expiry(token, answer.get("expires_in"), time.time())

    async def close(self) -> None:
        await self._client.aclose()


def expiry(token: str, expires_in: object, now: float) -> float:
    """When the token expires, as seconds since the epoch: by its own `exp` if it is a JWT, else by
    `expires_in`.

    The signature is not checked: only the time is used, and the backend verifies the token.
    """
    times = []
    try:
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        if isinstance(claims.get("exp"), int | float):
            times.append(float(claims["exp"]))
    except jwt.PyJWTError:  # an opaque token
        pass
    if isinstance(expires_in, int | float | str):
        with contextlib.suppress(ValueError):
            times.append(now + float(expires_in))
    return min(times, default=now + _DEFAULT_LIFETIME_SECONDS)
