"""Models by `provider:name`: how each provider is built, probed, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent_runner import parsers
from agent_runner.errors import (
    AgentRunnerError,
    ConfigurationError,
    ModelRejected,
    ModelUnavailable,
)
from agent_runner.settings import BY_NAME, Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

REQUEST_RETRIES: Final = 2
"""Further tries of one request by the provider's client, with backoff. A model call has no side
effect."""


@dataclass(frozen=True)
class Provider:
    """One wire format. `headers` authorizes a plain HTTP request to `models_path` below the base
    URL."""

    build: Callable[[str, Settings], BaseChatModel]
    base_url: Callable[[Settings], str]
    models_path: str
    headers: Callable[[Settings], dict[str, str]]
    listed: Callable[[Any], list[str]]
    """The model names in an answer to `models_path`."""


def _openai(name: str, settings: Settings) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        model=name,
        base_url=settings.openai_base_url,
        api_key=SecretStr(_openai_key(settings)),
        timeout=settings.model_timeout,
        max_retries=REQUEST_RETRIES,
        # chat completions are what every compatible server speaks
        use_responses_api=False,
        # the client leaves it out for other base URLs; `middleware.EndpointFallback` deals with the
        # few servers that refuse it
        stream_usage=True,
        disable_streaming=not settings.model_streaming,
    )


def _openai_key(settings: Settings) -> str:
    if settings.openai_api_key is not None:
        return settings.openai_api_key
    if settings.openai_base_url == BY_NAME["OPENAI_BASE_URL"].default:
        raise ConfigurationError("OPENAI_API_KEY is not set on this worker; openai: needs it")
    return "none"  # the client insists on one; a server without keys ignores it


def _anthropic(name: str, settings: Settings) -> BaseChatModel:
    from langchain_anthropic import ChatAnthropic
    from pydantic import SecretStr

    if settings.anthropic_api_key is None:
        raise ConfigurationError("ANTHROPIC_API_KEY is not set on this worker; anthropic: needs it")
    return ChatAnthropic(
        model_name=name,
        base_url=settings.anthropic_base_url,
        api_key=SecretStr(settings.anthropic_api_key),
        timeout=settings.model_timeout,
        max_retries=REQUEST_RETRIES,
        stop=None,
        disable_streaming=not settings.model_streaming,
    )


def _ollama(name: str, settings: Settings) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    return ChatOllama(
        model=name,
        base_url=settings.ollama_base_url,
        client_kwargs={"timeout": settings.model_timeout},
        disable_streaming=not settings.model_streaming,
    )


def _bearer(settings: Settings) -> dict[str, str]:
    key = settings.openai_api_key
    return {"Authorization": f"Bearer {key}"} if key else {}


def _anthropic_headers(settings: Settings) -> dict[str, str]:
    key = settings.anthropic_api_key
    version = {"anthropic-version": "2023-06-01"}
    return {**version, "x-api-key": key} if key else version


PROVIDERS: Final[dict[str, Provider]] = {
    "openai": Provider(
        _openai,
        lambda settings: settings.openai_base_url,
        "/models",
        _bearer,
        lambda answer: [model["id"] for model in answer["data"]],
    ),
    "anthropic": Provider(
        _anthropic,
        lambda settings: settings.anthropic_base_url,
        "/v1/models",
        _anthropic_headers,
        lambda answer: [model["id"] for model in answer["data"]],
    ),
    "ollama": Provider(
        _ollama,
        lambda settings: settings.ollama_base_url,
        "/api/tags",
        lambda settings: {},
        lambda answer: [model["name"] for model in answer["models"]],
    ),
}


def split(model: str) -> tuple[str, str]:
    """Provider and name of `provider:name`.

    Raises:
        ConfigurationError: it is not one.
    """
    try:
        provider, _, name = parsers.model(model).partition(":")
    except ValueError as error:
        raise ConfigurationError(f"model {error}") from None
    return provider, name


def build(model: str, settings: Settings) -> BaseChatModel:
    """The chat model of `provider:name`. Imports its provider's package: slow the first time.

    Raises:
        ConfigurationError: no such provider, or its key is not set.
    """
    provider, name = split(model)
    return PROVIDERS[provider].build(name, settings)


def check_configured(model: str, settings: Settings) -> None:
    """Raise ConfigurationError when `build` would, without importing the provider's package."""
    provider, _ = split(model)
    if provider == "openai":
        _openai_key(settings)
    if provider == "anthropic" and settings.anthropic_api_key is None:
        raise ConfigurationError("ANTHROPIC_API_KEY is not set on this worker; anthropic: needs it")


_CONNECTION_ERRORS: Final = frozenset(
    {"APIConnectionError", "APITimeoutError", "TransportError", "ConnectionError", "TimeoutError"}
)
_TRY_AGAIN: Final = frozenset({408, 409, 429})


def error_of(error: BaseException, model: str, settings: Settings) -> AgentRunnerError | None:
    """What an exception of a provider's client means for the turn; None when it is not about the
    endpoint.

    The three clients share no base class, but all carry `status_code` for an HTTP status;
    connection errors are told by the names of their classes, so that no client has to be imported
    to recognize another's.
    """
    provider, _ = split(model)
    where = f"{model} at {PROVIDERS[provider].base_url(settings)}"
    chain: BaseException | None = error
    while chain is not None:
        status = getattr(chain, "status_code", None)
        if isinstance(status, int) and status >= 400:
            text = f"{where}: HTTP {status}: {_short(chain)}"
            if status in _TRY_AGAIN or status >= 500:
                return ModelUnavailable(text)
            return ModelRejected(text)
        if any(base.__name__ in _CONNECTION_ERRORS for base in type(chain).__mro__):
            return ModelUnavailable(f"{where}: {_short(chain)}")
        chain = chain.__cause__
    return None


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 500 else f"{text[:500]}…"
