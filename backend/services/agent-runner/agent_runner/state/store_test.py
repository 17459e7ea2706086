from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from agent_runner.errors import StateUnavailable, ThreadNotFound
from agent_runner.state.redis_store import RedisStore
from agent_runner.state.store import MemoryStore, Message, ThreadStore
from agent_runner.testing_support import run
from support.redis_server import RedisServer

PASSWORD = "geheim-0123"


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer(password=PASSWORD) as running:
        yield running


def message(text: str) -> Message:
    return {"type": "human", "data": {"content": text}}


async def tell(store: ThreadStore, thread_id: str) -> None:
    with pytest.raises(ThreadNotFound):
        await store.messages(thread_id)
    with pytest.raises(ThreadNotFound):
        await store.append(thread_id, "turn", [], {})
    with pytest.raises(ThreadNotFound):
        await store.result_of(thread_id, "turn")
    assert not await store.exists(thread_id)
    await store.create(thread_id)
    await store.create(thread_id)
    assert await store.exists(thread_id)
    assert await store.messages(thread_id) == []
    assert await store.result_of(thread_id, "turn-1") is None
    await store.append(thread_id, "turn-1", [message("grüß"), message("b")], {"text": "ü"})
    # the same turn again, as a retried activity would: nothing changes
    await store.append(thread_id, "turn-1", [message("c")], {"text": "other"})
    await store.create(thread_id)
    assert await store.messages(thread_id) == [message("grüß"), message("b")]
    assert await store.result_of(thread_id, "turn-1") == {"text": "ü"}
    both = [store.append(thread_id, f"at-once-{n}", [message(str(n))] * 2, {}) for n in range(8)]
    await asyncio.gather(*both)
    said = [entry["data"]["content"] for entry in (await store.messages(thread_id))[2:]]
    # whole turns, in any order
    assert said[::2] == said[1::2]
    assert sorted(said[::2]) == [str(n) for n in range(8)]
    assert await store.probe()


def test_in_memory() -> None:
    store = MemoryStore()
    run(tell(store, "thread-1"))
    assert store.tied_to_worker


def test_in_redis(redis: RedisServer) -> None:
    async def scenario() -> None:
        store = RedisStore(redis.url, ttl_seconds=100)
        try:
            await tell(store, "thread-1")
            assert not store.tied_to_worker
            other = RedisStore(redis.url, ttl_seconds=100)
            assert len(await other.messages("thread-1")) == 18
            await other.close()
            for key in await store._redis.keys("agent-runner:*"):
                assert 0 < await store._redis.ttl(key) <= 100
        finally:
            await store.close()

    run(scenario())


def test_a_redis_that_refuses_or_is_not_there_is_named_without_its_password(
    redis: RedisServer,
) -> None:
    wrong = redis.url.replace(PASSWORD, "falsch-0123")
    for url in (wrong, "redis://:geheim-0123@127.0.0.1:1/0"):

        async def scenario(tried: str = url) -> str:
            store = RedisStore(tried, ttl_seconds=100)
            try:
                with pytest.raises(StateUnavailable) as caught:
                    await store.create("thread-1")
            finally:
                await store.close()
            return str(caught.value)

        shown = run(scenario())
        assert "Redis at 127.0.0.1:" in shown
        assert "0123" not in shown
