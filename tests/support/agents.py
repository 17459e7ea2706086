"""A client of agent-runner's workflows, as the service's README documents them.

Any Temporal SDK could be the client, so nothing of the service is imported: workflows, signals and
queries are named, and payloads are plain JSON. The methods block; they run on a private event loop.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, Self, TypeVar

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

TIMEOUT_S: Final = 60.0
_QUERY_TIMEOUT: Final = timedelta(seconds=5)
_POLL_S: Final = 0.05

Status = dict[str, Any]
T = TypeVar("T")


class Agents:
    """Starts workflows on one task queue. Open it as a context."""

    def __init__(self, address: str, task_queue: str, *, namespace: str = "default") -> None:
        self.task_queue = task_queue
        self._address = address
        self._namespace = namespace
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._client = self.wait_for(Client.connect(self._address, namespace=self._namespace))
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    def wait_for(self, work: Coroutine[Any, Any, T], timeout_s: float = TIMEOUT_S) -> T:
        """The result of `work`, run on the client's loop; raises TimeoutError."""

        async def bounded() -> T:
            async with asyncio.timeout(timeout_s):
                return await work

        return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()

    def turn(self, message: str, **fields: Any) -> Workflow:
        """Starts `AgentTurn`; `fields` are those of its input."""
        return self.start("AgentTurn", {"message": message, **fields})

    def conversation(self, **fields: Any) -> Workflow:
        """Starts `AgentConversation`; `fields` are those of its input."""
        return self.start("AgentConversation", fields)

    def start(self, workflow: str, argument: Any) -> Workflow:
        """Starts the workflow named `workflow` with one JSON argument."""
        assert self._client is not None, "open the client as a context"
        handle = self.wait_for(
            self._client.start_workflow(
                workflow,
                argument,
                id=f"test-{uuid.uuid4()}",
                task_queue=self.task_queue,
            )
        )
        return Workflow(self, handle)


class Workflow:
    """One run of a workflow."""

    def __init__(self, agents: Agents, handle: WorkflowHandle[Any, Any]) -> None:
        self._agents = agents
        self._handle = handle

    @property
    def id(self) -> str:
        """The workflow id."""
        return self._handle.id

    def result(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """The result; raises WorkflowFailureError, or TimeoutError."""
        try:
            value = self._agents.wait_for(self._handle.result(), timeout_s)
        except TimeoutError:
            raise TimeoutError(f"no result in {timeout_s:g} s; {self._last_events()}") from None
        assert isinstance(value, dict), value
        return value

    def failure(self, timeout_s: float = TIMEOUT_S) -> ApplicationError:
        """The application error that the workflow failed with."""
        ending = self.ending(timeout_s)
        cause: BaseException | None = ending
        found: ApplicationError | None = None
        while cause is not None:
            if isinstance(cause, ApplicationError):
                found = cause
            cause = cause.__cause__
        assert found is not None, f"no application error but {ending!r}; {self._last_events()}"
        return found

    def ending(self, timeout_s: float = TIMEOUT_S) -> BaseException:
        """What the workflow failed with; an AssertionError when it did not fail."""
        try:
            value = self._agents.wait_for(self._handle.result(), timeout_s)
        except WorkflowFailureError as error:
            return error.cause
        except TimeoutError:
            raise TimeoutError(f"no end in {timeout_s:g} s; {self._last_events()}") from None
        raise AssertionError(f"the workflow did not fail but returned {value}")

    def status(self) -> Status:
        """The answer to the query `status`."""
        value = self._agents.wait_for(self._handle.query("status", rpc_timeout=_QUERY_TIMEOUT))
        assert isinstance(value, dict), value
        return value

    def wait_until(self, true: Callable[[Status], bool], timeout_s: float = TIMEOUT_S) -> Status:
        """Polls the status until `true` accepts it; raises TimeoutError with the last one."""
        end = time.monotonic() + timeout_s
        last: Status | RPCError | None = None
        while time.monotonic() < end:
            try:
                last = self.status()
            except RPCError as error:  # no worker has answered in time yet
                last = error
            else:
                if true(last):
                    return last
            time.sleep(_POLL_S)
        raise TimeoutError(
            f"not in {timeout_s:g} s; the last status was {last}; {self._last_events()}"
        )

    def signal(self, name: str, *arguments: Any) -> None:
        """Sends a signal."""
        self._agents.wait_for(self._handle.signal(name, args=arguments))

    def cancel(self) -> None:
        """Asks Temporal itself to cancel the workflow."""
        self._agents.wait_for(self._handle.cancel())

    def activity_results(self) -> list[Any]:
        """The activities' results so far, from Temporal's history."""
        history = self._agents.wait_for(self._handle.fetch_history())
        return [
            json.loads(payload.data)
            for event in history.events
            for payload in event.activity_task_completed_event_attributes.result.payloads
            if payload.data
        ]

    def _last_events(self) -> str:
        """The end of the history, for messages."""
        history = self._agents.wait_for(self._handle.fetch_history())
        return "the history ends with\n" + "\n".join(str(event) for event in history.events[-4:])
