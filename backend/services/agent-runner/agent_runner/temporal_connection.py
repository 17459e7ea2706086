"""The connection to Temporal: TLS, API key, and retries for a bounded time."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from agent_runner import temporal_library  # noqa: F401  # isort: skip
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from agent_runner import logs
from agent_runner.settings import Settings

log = logs.get(__name__)

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
_FINAL: Final = frozenset(
    {RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.INVALID_ARGUMENT}
)
"""Answers that a retry would get too."""


class TemporalUnreachable(Exception):
    """Temporal did not answer in time, or refused. The message is one line for the user."""


def tls_of(settings: Settings) -> TLSConfig | bool:
    """TLS as temporalio takes it.

    Raises:
        OSError: a certificate file cannot be read.
    """
    if not settings.temporal_tls:
        return False

    def read(path: str | None) -> bytes | None:
        return Path(path).read_bytes() if path else None

    return TLSConfig(
        server_root_ca_cert=read(settings.temporal_tls_ca_file),
        client_cert=read(settings.temporal_tls_cert_file),
        client_private_key=read(settings.temporal_tls_key_file),
        domain=settings.temporal_tls_server_name,
    )


def identity() -> str:
    """How this worker appears in Temporal."""
    return f"{os.getpid()}@{socket.gethostname()}"


def runtime() -> Runtime:
    """Temporal's core, with its logs in ours instead of directly on stderr."""
    return Runtime(
        telemetry=TelemetryConfig(
            logging=LoggingConfig(
                filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
                forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core")),
            )
        )
    )


async def connect_once(settings: Settings, core: Runtime) -> Client:
    """One try, including that the namespace exists.

    Raises:
        RuntimeError, RPCError, OSError: as temporalio does.
    """
    client = await Client.connect(
        settings.temporal_service_address,
        namespace=settings.temporal_namespace,
        api_key=settings.temporal_api_key,
        tls=tls_of(settings),
        identity=identity(),
        runtime=core,
    )
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=settings.temporal_namespace)
        )
    except RPCError as error:
        # a key may allow work in the namespace, but not its description
        if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
            raise
    return client


async def connect(
    settings: Settings,
    attempt: Callable[[], Awaitable[Client]],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Client:
    """Try until it works, with exponential backoff and jitter, for
    `settings.temporal_connect_timeout` seconds.

    Raises:
        TemporalUnreachable: the time is over, or Temporal refused.
    """
    deadline = clock() + settings.temporal_connect_timeout
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            # at least a second, so that a limit of 0 means one real try
            async with asyncio.timeout(max(1.0, deadline - clock())):
                return await attempt()
        except (RuntimeError, RPCError, OSError) as error:  # TimeoutError is an OSError
            if isinstance(error, RPCError) and error.status in _FINAL:
                raise TemporalUnreachable(_sentence(settings, error)) from error
            last: Exception = error
        left = deadline - clock()
        if left <= 0:
            raise TemporalUnreachable(_sentence(settings, last)) from last
        wait = min(pause * random.uniform(0.8, 1.2), left)
        log.warning(
            "temporal_unreachable",
            address=settings.temporal_service_address,
            error=_reason(last),
            retry_in_seconds=round(wait, 1),
        )
        await asyncio.sleep(wait)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def _sentence(settings: Settings, error: Exception) -> str:
    where = f"Temporal at {settings.temporal_service_address}"
    if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
        return f"{where} has no namespace {settings.temporal_namespace!r} (TEMPORAL_NAMESPACE)"
    if isinstance(error, RPCError) and error.status in _FINAL:
        return f"{where} refused: {_reason(error)} (TEMPORAL_API_KEY, TEMPORAL_NAMESPACE)"
    return (
        f"{where} cannot be reached: {_reason(error)} "
        f"(TEMPORAL_SERVICE_ADDRESS; gave up after {settings.temporal_connect_timeout:g} s)"
    )


_CAUSE: Final = re.compile(r'message: \\?"([^"\\]+)|(?:InvalidCertificate|dns error)[^"]*')


def _reason(error: Exception) -> str:
    """The innermost cause as a sentence: the core nests Rust's debug output."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer"
    text = " ".join(str(error).split()) or type(error).__name__
    causes = [found[1] or found[0] for found in _CAUSE.finditer(text)]
    return causes[-1] if causes else text
