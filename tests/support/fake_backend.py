"""A fake of what agent-runner talks to in cloud mode: a gRPC status backend and its OAuth 2 token
endpoint.

Messages are kept as the bytes that came, so that nothing of the program under test is imported:
text fields of a protocol buffer are plain UTF-8 in them.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import parse_qs

import grpc  # type: ignore[import-untyped]  # no stubs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.loopback import LoopbackServer

CLIENT_ID: Final = "agent-runner-test"
CLIENT_SECRET: Final = "oauth-secret-42"


@dataclass
class FakeBackend:
    """Both servers on loopback; open it as a context.

    reports: every message that came with a token that the token endpoint gave out.
    """

    service: str = "agent_runner.v1.StatusService"
    method: str = "ReportStatus"
    reports: list[bytes] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._oauth = LoopbackServer(
            Starlette(routes=[Route("/token", self._token, methods=["POST"])])
        )
        self._grpc: Any = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of cloud mode that point here."""
        return {
            "AGENT_RUNNER_MODE": "cloud",
            "AGENT_RUNNER_BACKEND_ADDRESS": f"127.0.0.1:{self.port}",
            "AGENT_RUNNER_BACKEND_TLS": "false",
            "AGENT_RUNNER_OAUTH_TOKEN_URL": f"{self._oauth.root_url}/token",
            "AGENT_RUNNER_OAUTH_CLIENT_ID": CLIENT_ID,
            "AGENT_RUNNER_OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        }

    def wait_for_report(self, wanted: Callable[[bytes], bool], timeout_s: float = 30.0) -> bytes:
        """The first report that is `wanted`; raises TimeoutError with all that came."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(map(wanted, self.reports)), timeout_s):
                raise TimeoutError(f"no such report in {timeout_s:g} s: {self.reports}")
            return next(filter(wanted, self.reports))

    def __enter__(self) -> Self:
        self._oauth.__enter__()
        self._grpc = grpc.server(futures.ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(self._report)
        self._grpc.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(self.service, {self.method: handler})]
        )
        self.port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._grpc.stop(None).wait(10)
        self._oauth.__exit__(*error)

    async def _token(self, request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        if given != expected or form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return JSONResponse(
            {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 3600}
        )

    def _report(self, message: bytes, context: Any) -> bytes:
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such token")
        with self._changed:
            self.reports.append(message)
            self._changed.notify_all()
        return b""  # a response message without fields
