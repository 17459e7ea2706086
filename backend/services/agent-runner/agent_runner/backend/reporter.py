"""Status reports to the backend over gRPC."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import grpc  # type: ignore[import-untyped]  # no stubs

from agent_runner.backend import status_pb2
from agent_runner.backend.oauth import TokenSource
from agent_runner.contract import Progress, StatusReport
from agent_runner.errors import AgentRunnerError
from agent_runner.settings import Settings

_SERVICE: Final = status_pb2.DESCRIPTOR.services_by_name["StatusService"]
METHOD: Final = f"/{_SERVICE.full_name}/ReportStatus"

CALL_TIMEOUT_SECONDS: Final = 10.0


class BackendUnavailable(AgentRunnerError):
    """The backend refused a report, or did not answer."""


class StatusReporter:
    """Sends reports on one channel, with a bearer token in each call's metadata."""

    def __init__(self, settings: Settings, tokens: TokenSource, version: str) -> None:
        assert settings.backend_address is not None
        self._address = settings.backend_address
        self._tokens = tokens
        self._version = version
        if settings.backend_tls:
            ca_file = settings.backend_ca_file
            roots = Path(ca_file).read_bytes() if ca_file else None
            self._channel: Any = grpc.aio.secure_channel(
                self._address, grpc.ssl_channel_credentials(root_certificates=roots)
            )
        else:
            self._channel = grpc.aio.insecure_channel(self._address)
        self._call: Any = self._channel.unary_unary(
            METHOD,
            request_serializer=status_pb2.ReportStatusRequest.SerializeToString,
            response_deserializer=status_pb2.ReportStatusResponse.FromString,
        )

    async def report(self, report: StatusReport, progress: Progress | None = None) -> None:
        """Send one report.

        Raises:
            BackendUnavailable, TokenUnavailable
        """
        request = status_pb2.ReportStatusRequest(
            workflow_id=report.workflow_id,
            thread_id=report.thread_id or "",
            turn_id=report.turn_id or "",
            phase=report.phase,
            detail=report.detail,
            version=self._version,
        )
        if progress is not None:
            request.progress.CopyFrom(
                status_pb2.Progress(
                    steps=progress.steps,
                    tools_started=progress.tools_started,
                    current_tool=progress.current_tool or "",
                    text=progress.text,
                )
            )
        await self._send(request)

    async def _send(self, request: status_pb2.ReportStatusRequest) -> None:
        for attempt in (1, 2):
            token = await self._tokens.token()
            try:
                await self._call(
                    request,
                    timeout=CALL_TIMEOUT_SECONDS,
                    metadata=(("authorization", f"Bearer {token}"),),
                )
                return
            except grpc.aio.AioRpcError as error:
                if error.code() == grpc.StatusCode.UNAUTHENTICATED and attempt == 1:
                    # revoked before its time: once more with a fresh one
                    self._tokens.forget()
                    continue
                raise BackendUnavailable(
                    f"backend at {self._address}: {error.code().name}: {error.details()}"
                ) from error

    async def probe(self) -> str:
        """Connect and get a token, without a report; for `agent-runner check`."""
        await self._tokens.token()
        try:
            await asyncio.wait_for(self._channel.channel_ready(), CALL_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise BackendUnavailable(
                f"backend at {self._address} did not answer in {CALL_TIMEOUT_SECONDS:g} s"
            ) from error
        return f"gRPC backend at {self._address}, token from the OAuth 2 endpoint"

    async def close(self) -> None:
        await self._channel.close(grace=1.0)
        await self._tokens.close()
