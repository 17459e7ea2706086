"""The checks. Each returns what it found, or raises an error that says what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import httpx

from agent_runner import mcp_tools, models, temporal_connection
from agent_runner.services import Services
from agent_runner.variables import Problem

OK: Final = "ok"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"

TIME_LIMIT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Outcome:
    """The result of one check. `detail` says what was found, or what is wrong."""

    name: str
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Check:
    """`run` returns None if this configuration leaves nothing to test. `variables` are those whose
    problems make the check pointless: names, or prefixes of names."""

    name: str
    variables: tuple[str, ...]
    run: Callable[[Services], Awaitable[str | None]]


async def _temporal(services: Services) -> str:
    settings = services.settings
    core = temporal_connection.runtime()
    await temporal_connection.connect(
        settings, lambda: temporal_connection.connect_once(settings, core)
    )
    return f"{settings.temporal_service_address}, namespace {settings.temporal_namespace}"


async def _model(services: Services) -> str:
    """Ask the endpoint for its models: costs no tokens, and tests address, TLS and key."""
    settings = services.settings
    provider_name, name = models.split(settings.model)
    models.check_configured(settings.model, settings)
    provider = models.PROVIDERS[provider_name]
    base = provider.base_url(settings).rstrip("/")
    async with httpx.AsyncClient(timeout=min(settings.model_timeout, 15)) as client:
        try:
            answer = await client.get(
                base + provider.models_path, headers=provider.headers(settings)
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise RuntimeError(f"{base} does not answer: {reason}") from error
    if answer.status_code in (401, 403):
        raise RuntimeError(f"{base} refuses the key: HTTP {answer.status_code}")
    if answer.status_code in (404, 405, 501):
        return f"{settings.model} at {base}, which answers but lists no models"
    if answer.status_code != 200:
        raise RuntimeError(f"{base}{provider.models_path}: HTTP {answer.status_code}")
    try:
        listed = provider.listed(answer.json())
    except (ValueError, KeyError, TypeError):
        return f"{settings.model} at {base}, which answers but lists no models"
    # Ollama lists name:latest for name
    if listed and not {name, f"{name}:latest"} & set(listed):
        shown = ", ".join(sorted(listed)[:10])
        raise RuntimeError(f"{base} has no model {name!r}; it has {shown}")
    return f"{settings.model} at {base}"


async def _sandbox(services: Services) -> str:
    return await services.sandboxes().probe()


async def _redis(services: Services) -> str | None:
    if services.settings.state != "redis":
        return None
    return await services.store().probe()


async def _mcp(services: Services) -> str | None:
    servers = services.settings.mcp_servers
    if not servers:
        return None
    async with mcp_tools.tools(servers) as tools:
        return f"{', '.join(sorted(servers))}: {len(tools)} tools"


async def _backend(services: Services) -> str | None:
    reporter = services.reporter()
    return None if reporter is None else await reporter.probe()


CHECKS: Final = (
    Check("temporal", ("TEMPORAL_",), _temporal),
    Check("model", ("AGENT_RUNNER_MODEL", "OPENAI_", "ANTHROPIC_", "OLLAMA_"), _model),
    Check(
        "sandbox",
        ("AGENT_RUNNER_MODE", "AGENT_RUNNER_SANDBOX", "AGENT_RUNNER_COMMAND_", "DAYTONA_"),
        _sandbox,
    ),
    Check("redis", ("AGENT_RUNNER_MODE", "AGENT_RUNNER_STATE", "REDIS_"), _redis),
    Check("mcp", ("AGENT_RUNNER_MCP_SERVERS",), _mcp),
    Check(
        "backend",
        ("AGENT_RUNNER_MODE", "AGENT_RUNNER_BACKEND_", "AGENT_RUNNER_OAUTH_"),
        _backend,
    ),
)
"""After the configuration, in this order."""

_UNUSED: Final = {
    "redis": "not used: AGENT_RUNNER_STATE=memory",
    "mcp": "not used: AGENT_RUNNER_MCP_SERVERS is empty",
    "backend": "not used: AGENT_RUNNER_MODE=local",
}


def configuration(problems: Sequence[Problem]) -> Outcome:
    if not problems:
        return Outcome("configuration", OK, "complete", 0.0)
    detail = "; ".join(f"{problem.variable}: {problem.message}" for problem in problems)
    return Outcome("configuration", FAILED, detail, 0.0)


def blocked_by(check: Check, problems: Iterable[Problem]) -> list[str]:
    """The wrong variables that this check needs. `AGENT_RUNNER_MODE` alone is not the beginning of
    others."""
    return [
        problem.variable
        for problem in problems
        if any(
            problem.variable == name or (name.endswith("_") and problem.variable.startswith(name))
            for name in check.variables
        )
    ]


async def run_one(check: Check, services: Services, problems: Sequence[Problem]) -> Outcome:
    blocked = blocked_by(check, problems)
    if blocked:
        return Outcome(check.name, SKIPPED, f"needs {', '.join(blocked)}", 0.0)
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS + services.settings.temporal_connect_timeout):
            seen = await check.run(services)
    except TimeoutError:
        status, detail = FAILED, "no answer in time"
    except Exception as error:
        status, detail = FAILED, " ".join(str(error).split()) or type(error).__name__
    else:
        status = SKIPPED if seen is None else OK
        detail = _UNUSED[check.name] if seen is None else seen
    return Outcome(check.name, status, detail, round(loop.time() - started, 3))


def exit_ok(outcomes: Iterable[Outcome]) -> bool:
    return all(outcome.status != FAILED for outcome in outcomes)


def as_text(outcome: Outcome) -> str:
    return f"{outcome.status:8}{outcome.name:15}{outcome.detail}"


def as_json(outcomes: Sequence[Outcome]) -> str:
    document: dict[str, Any] = {
        "ok": exit_ok(outcomes),
        "failed": [outcome.name for outcome in outcomes if outcome.status == FAILED],
        "checks": [asdict(outcome) for outcome in outcomes],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)
