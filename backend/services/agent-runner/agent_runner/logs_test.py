from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from agent_runner import logs


def logged(log_format: str = "json", level: str = "info", **event: Any) -> str:
    out = io.StringIO()
    logs.configure(log_format=log_format, level=level, secrets=["geheim-wort"], stream=out)
    logs.get("agent_runner.x").info("something", **event)
    return out.getvalue()


@pytest.mark.parametrize(
    "event",
    [
        {"text": "before geheim-wort after"},
        {"nested": {"deep": ["geheim-wort"]}},
        {"error": ValueError("geheim-wort")},
        {"api_key": "SECRETVALUE"},
        {"headers": {"Authorization": "SECRETVALUE"}},
        {"url": "redis://user:SECRETVALUE@host/0"},
        {"header": "Authorization: Bearer SECRETVALUE"},
        {"token": "eyJSECRETVALUE.eyJSECRETVALUE.sig"},
        {"note": "key sk-SECRETVALUE12"},
    ],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_never_get_out(log_format: str, event: dict[str, Any]) -> None:
    shown = logged(log_format, **event)
    assert "something" in shown
    assert "geheim-wort" not in shown
    assert "SECRETVALUE" not in shown


def test_ordinary_values_stay() -> None:
    event = json.loads(
        logged(tokens=7, turn_id="turn-1", ok=True, none=None, key_count=3, city="Zürich")
    )
    assert event["tokens"] == 7
    assert (event["ok"], event["none"], event["key_count"]) == (True, None, 3)
    assert (event["event"], event["level"], event["city"]) == ("something", "info", "Zürich")


def test_tracebacks_are_searched_too() -> None:
    out = io.StringIO()
    logs.configure(log_format="json", level="info", secrets=["geheim-wort"], stream=out)
    try:
        raise RuntimeError("it was geheim-wort")
    except RuntimeError:
        logs.get("agent_runner.x").exception("failed")
    assert "RuntimeError" in out.getvalue()
    assert "geheim-wort" not in out.getvalue()


def test_libraries_speak_through_the_same_chain_from_warning_on() -> None:
    out = io.StringIO()
    logs.configure(log_format="json", level="info", secrets=["geheim-wort"], stream=out)
    logging.getLogger("httpx").info("GET http://x")
    logging.getLogger("library").warning("with %s", "geheim-wort")
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(event["event"], event["logger"]) for event in events] == [
        ("with [redacted]", "library")
    ]


def test_auto_is_json_when_it_is_no_terminal_and_colour_is_for_terminals() -> None:
    assert json.loads(logged("auto"))["event"] == "something"
    assert "\x1b[" not in logged("console")


def test_levels() -> None:
    assert logged(level="warning") == ""
