"""Many messages, one thread and one sandbox: `AgentConversation`."""

from __future__ import annotations

from support.fake_models import FakeModels, call, error, hang, text
from support.workers import Worker


def test_messages_are_answered_in_order_over_one_thread_and_sandbox(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(
        call("write_file", file_path="/a.txt", content="kept"),
        text("one"),
        call("execute", command="cat a.txt"),
        text("two"),
        text("three"),
        model=model,
    )
    talk = worker.agents.conversation(message="first", model=f"openai:{model}")
    talk.signal("send_message", {"text": "second"})
    talk.signal("send_message", {"text": "third"})
    status = talk.wait_until(lambda now: len(now["turns"]) == 3 and now["phase"] == "waiting")
    assert [one["text"] for one in status["turns"]] == ["one", "two", "three"]
    assert script.requests[3].tool_results[-1].startswith("kept")
    assert len(worker.sandboxes()) == 1
    talk.signal("close")
    result = talk.result()
    assert (result["status"], result["turns"]) == ("closed", 3)
    assert result["thread_id"] == status["thread_id"]
    assert worker.sandboxes() == []


def test_cancelling_or_failing_a_turn_leaves_the_conversation_open(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(hang(), error(400, "bad idea"), text("fine"), model=model)
    talk = worker.agents.conversation(message="first", model=f"openai:{model}")
    script.wait_for_requests(1)
    talk.signal("cancel")
    talk.wait_until(lambda now: now["phase"] == "waiting")
    talk.signal("send_message", {"text": "second"})
    talk.wait_until(lambda now: len(now["turns"]) == 2 and now["phase"] == "waiting")
    talk.signal("send_message", {"text": "third"})
    talk.signal("close")
    assert talk.result()["turns"] == 3
    turns = talk.status()["turns"]
    assert [one["status"] for one in turns] == ["cancelled", "failed", "completed"]
    assert "bad idea" in turns[1]["error"]


def test_an_idle_conversation_ends(worker: Worker) -> None:
    talk = worker.agents.conversation(idle_timeout_seconds=1)
    assert talk.result()["status"] == "idle"
    assert worker.sandboxes() == []
