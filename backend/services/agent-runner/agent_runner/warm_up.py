"""Load the agent's packages: this takes CPU seconds, so not before the worker polls.

Plain `import` statements, because the analysis of a frozen program must see them.
"""

from __future__ import annotations

import threading
import time
from types import ModuleType

from agent_runner import logs
from agent_runner.settings import Settings

log = logs.get(__name__)

_lock = threading.Lock()


def agent_module() -> ModuleType:
    """Load `agent_runner.agent` with everything it needs. Blocks: call it in a thread.

    One thread at a time: two that import one graph of packages in different orders can see
    half-made modules.
    """
    with _lock:
        from agent_runner import agent

        return agent


def load(settings: Settings) -> None:
    """Load what the first turn will need with these settings."""
    started = time.monotonic()
    try:
        agent_module()
        with _lock:
            from agent_runner import models

            models.build(settings.model, settings)
            if settings.mcp_servers:
                import langchain_mcp_adapters.client  # noqa: F401
            if settings.sandbox == "daytona":
                import daytona  # noqa: F401

                import agent_runner.sandbox.daytona_backend
            else:
                import agent_runner.sandbox.local_backend  # noqa: F401
    except Exception as error:
        # the turn that needs it will fail with the same error and report it to its client
        log.warning("warm_up_failed", error=str(error), kind=type(error).__name__)
        return
    log.info("warmed_up", seconds=round(time.monotonic() - started, 2))


def start(settings: Settings) -> threading.Thread:
    """Load in the background, in a daemon thread, so that it never delays the end of the
    process."""
    thread = threading.Thread(target=load, args=(settings,), name="warm-up", daemon=True)
    thread.start()
    return thread
