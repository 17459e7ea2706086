from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]  # no stubs
import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent_runner.backend import oauth, status_pb2
from agent_runner.backend.oauth import TokenSource, TokenUnavailable
from agent_runner.backend.reporter import METHOD, BackendUnavailable, StatusReporter
from agent_runner.contract import Progress, StatusReport
from agent_runner.errors import ConfigurationError
from agent_runner.settings import Settings
from agent_runner.testing_support import CLOUD, run, settings_of
from support.loopback import LoopbackServer

KEY = "a signing key of thirty-two bytes."


class TokenServer(LoopbackServer):
    """An OAuth 2 token endpoint; `lifetime` is how long its tokens are valid, in seconds."""

    def __init__(self, lifetime: float = 3600) -> None:
        self.lifetime = lifetime
        self.asked: list[dict[str, str]] = []
        self.failure: Response | None = None
        super().__init__(Starlette(routes=[Route("/token", self._token, methods=["POST"])]))

    async def _token(self, request: Request) -> Response:
        form = {key: str(value) for key, value in (await request.form()).items()}
        self.asked.append({**form, "authorization": request.headers.get("authorization", "")})
        if self.failure is not None:
            return self.failure
        claims = {"exp": time.time() + self.lifetime, "n": len(self.asked)}
        token = jwt.encode(claims, KEY, algorithm="HS256")
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 9999})


class Backend:
    """The gRPC backend, on loopback. `refuse` holds the status codes of the next answers."""

    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.tokens: list[str] = []
        self.refuse: list[grpc.StatusCode] = []
        self.seen = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(2))
        service, _, method = METHOD[1:].partition("/")
        handler = grpc.unary_unary_rpc_method_handler(
            self._report,
            request_deserializer=status_pb2.ReportStatusRequest.FromString,
            response_serializer=status_pb2.ReportStatusResponse.SerializeToString,
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def _report(self, request: Any, context: Any) -> Any:
        metadata = dict(context.invocation_metadata())
        self.tokens.append(str(metadata.get("authorization")).removeprefix("Bearer "))
        if self.refuse:
            context.abort(self.refuse.pop(0), "refused by the test")
        self.reports.append(request)
        self.seen.set()
        return status_pb2.ReportStatusResponse()

    def __enter__(self) -> Backend:
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as running:
        yield running


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


def configured(
    monkeypatch: pytest.MonkeyPatch, tokens: TokenServer, port: int, **more: str
) -> Settings:
    return settings_of(
        monkeypatch,
        {
            **CLOUD,
            "AGENT_RUNNER_BACKEND_ADDRESS": f"127.0.0.1:{port}",
            "AGENT_RUNNER_BACKEND_TLS": "false",
            "AGENT_RUNNER_OAUTH_TOKEN_URL": f"{tokens.root_url}/token",
            "AGENT_RUNNER_OAUTH_SCOPE": "status.write",
            **more,
        },
    )


REPORT = StatusReport("workflow-1", "thread-1", None, "running", "")


async def send(settings: Settings, *reports: StatusReport) -> None:
    reporter = StatusReporter(settings, TokenSource(settings), "1.2.3")
    try:
        for report in reports:
            await reporter.report(report, Progress(2, 1, "execute", "so far"))
    finally:
        await reporter.close()


def test_reports_arrive_with_a_token_that_is_fetched_once(
    tokens: TokenServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(send(configured(monkeypatch, tokens, backend.port), REPORT, REPORT))
    assert len(tokens.asked) == 1
    assert tokens.asked[0]["grant_type"] == "client_credentials"
    assert tokens.asked[0]["scope"] == "status.write"
    assert tokens.asked[0]["authorization"].startswith("Basic ")
    assert jwt.decode(backend.tokens[0], KEY, algorithms=["HS256"])["n"] == 1
    report = backend.reports[1]
    assert (report.workflow_id, report.phase, report.version) == ("workflow-1", "running", "1.2.3")
    assert (report.progress.steps, report.progress.current_tool) == (2, "execute")


def test_a_token_near_its_end_is_renewed(
    tokens: TokenServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what the token says itself counts, not the endpoint's longer `expires_in`
    tokens.lifetime = oauth.EARLY_SECONDS - 1
    run(send(configured(monkeypatch, tokens, backend.port), REPORT, REPORT))
    assert len(tokens.asked) == 2


def test_a_revoked_token_is_renewed_once(
    tokens: TokenServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(monkeypatch, tokens, backend.port)
    backend.refuse = [grpc.StatusCode.UNAUTHENTICATED]
    run(send(settings, REPORT))
    assert len(set(backend.tokens)) == 2
    backend.refuse = [grpc.StatusCode.UNAUTHENTICATED] * 2
    with pytest.raises(BackendUnavailable, match="UNAUTHENTICATED"):
        run(send(settings, REPORT))


def test_a_backend_that_refuses_or_is_gone_is_named(
    tokens: TokenServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.refuse = [grpc.StatusCode.PERMISSION_DENIED]
    with pytest.raises(BackendUnavailable, match=rf"{backend.port}: PERMISSION_DENIED"):
        run(send(configured(monkeypatch, tokens, backend.port), REPORT))
    with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1:1: UNAVAILABLE"):
        run(send(configured(monkeypatch, tokens, 1), REPORT))


@pytest.mark.parametrize(
    "failure",
    [
        JSONResponse({"error": "invalid_client", "error_description": "no"}, status_code=401),
        Response("<html>", status_code=200),
        Response("down", status_code=503),
        JSONResponse({"token_type": "Bearer"}),
    ],
    ids=["refused", "no-json", "down", "no-token"],
)
def test_a_token_endpoint_that_fails_is_named(
    failure: Response, tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.failure = failure
    with pytest.raises(TokenUnavailable, match=tokens.root_url):
        run(send(configured(monkeypatch, tokens, 1), REPORT))


def test_a_token_endpoint_that_is_gone(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(
        monkeypatch, tokens, 1, AGENT_RUNNER_OAUTH_TOKEN_URL="http://127.0.0.1:1/token"
    )
    with pytest.raises(TokenUnavailable, match=r"127\.0\.0\.1:1/token"):
        run(send(settings, REPORT))


def test_when_a_token_expires() -> None:
    signed = jwt.encode({"exp": 1500}, KEY, algorithm="HS256")
    assert oauth.expiry(signed, None, 1000) == 1500
    assert oauth.expiry(signed, 100, 1000) == 1100
    assert oauth.expiry("opaque", "60", 1000) == 1060
    assert oauth.expiry("opaque", None, 1000) == 1300
    assert oauth.expiry("opaque", "soon", 1000) == 1300


def test_client_credentials_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {k: v for k, v in CLOUD.items() if k != "AGENT_RUNNER_OAUTH_CLIENT_SECRET"}
    with pytest.raises(ConfigurationError):
        TokenSource(settings_of(monkeypatch, values))


def test_the_probe_connects_without_a_report(
    tokens: TokenServer, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(monkeypatch, tokens, backend.port)

    async def scenario() -> str:
        reporter = StatusReporter(settings, TokenSource(settings), "dev")
        try:
            return await reporter.probe()
        finally:
            await reporter.close()

    assert str(backend.port) in run(scenario())
    assert backend.reports == []
