"""Structured logs on stderr: JSON lines, or readable text, without secrets.

stdout carries only a command's result.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

REDACTED: Final = "[redacted]"

_SECRET_KEY: Final = re.compile(
    r"(^|[_-])(api[_-]?key|key|token|secret|password|passwd|authorization|credentials?)$",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = (
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # user:password in a URL
    re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"\b(?:sk|dtn)[-_][A-Za-z0-9_-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"),  # JWT
)

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Redactor:
    """Removes known secret values, anything that looks like a secret, and values under keys that
    name secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)

    def text(self, value: str) -> str:
        for secret in self._secrets:
            value = value.replace(secret, REDACTED)
        for pattern in _SECRET_TEXT:
            value = pattern.sub(REDACTED, value)
        return value

    def value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._item(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def _item(self, key: str, item: Any) -> Any:
        return REDACTED if item and _SECRET_KEY.search(key) else self.value(item)

    def __call__(
        self, logger: Any, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """The structlog processor. Runs after tracebacks were made text, so that those are searched
        too."""
        for key in list(event):
            event[key] = self._item(key, event[key])
        return event


_NOISE: Final = ("temporal_log", "__temporal_error_identifier")


def _without_noise(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """temporalio's attributes that add nothing to a log line."""
    for key in _NOISE:
        event.pop(key, None)
    return event


def configure(
    *, log_format: str, level: str, secrets: Iterable[str], stream: TextIO | None = None
) -> None:
    """Send structlog's and the libraries' logs through one chain to `stream` (default: stderr)."""
    out = stream if stream is not None else sys.stderr
    terminal = out.isatty()
    as_json = log_format == "json" or (log_format == "auto" and not terminal)
    redactor = Redactor(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=terminal)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_noise,
            structlog.processors.format_exc_info,
            redactor,
            renderer,
        ],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # libraries log from warning on: their info lines contain URLs and prompts
    root.setLevel(max(_LEVELS[level], logging.WARNING) if level != "debug" else logging.INFO)
    logging.getLogger("agent_runner").setLevel(_LEVELS[level])
    # logs each failing activity again, with a traceback; `activities.py` has said it in one line
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *(
                processor
                for processor in shared
                if not isinstance(processor, structlog.stdlib.ExtraAdder)
            ),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: call with `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
