"""Threads in Redis: shared by all workers, kept for a while after the last turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, WatchError

from agent_runner.errors import StateUnavailable, ThreadNotFound
from agent_runner.state.store import Message

_PREFIX: Final = "agent-runner:thread:"


class RedisStore:
    """Three keys a thread: `…:ID` (marks that it exists), `…:ID:messages` (list of JSON),
    `…:ID:turns` (turn id to result). The braces make one hash slot of them, so that a transaction
    works on a cluster too."""

    tied_to_worker = False

    def __init__(self, url: str, ttl_seconds: int) -> None:
        self._ttl = ttl_seconds
        self._redis = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=5,
            socket_timeout=10,
            retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
            client_name="agent-runner",
        )
        shown = self._redis.connection_pool.connection_kwargs
        self._where = str(
            shown.get("path") or f"{shown.get('host', 'localhost')}:{shown.get('port', 6379)}"
        )

    @asynccontextmanager
    async def _reporting(self) -> AsyncIterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise StateUnavailable(f"Redis at {self._where}: {error}") from error

    @staticmethod
    def _keys(thread_id: str) -> tuple[str, str, str]:
        base = f"{_PREFIX}{{{thread_id}}}"
        return base, f"{base}:messages", f"{base}:turns"

    async def _require(self, thread_id: str) -> None:
        if not await self.exists(thread_id):
            raise ThreadNotFound(
                f"thread {thread_id} is not in Redis at {self._where}, or has expired"
            )

    async def create(self, thread_id: str) -> None:
        async with self._reporting():
            await self._redis.set(self._keys(thread_id)[0], "1", ex=self._ttl, nx=True)

    async def exists(self, thread_id: str) -> bool:
        async with self._reporting():
            return bool(await self._redis.exists(self._keys(thread_id)[0]))

    async def messages(self, thread_id: str) -> list[Message]:
        await self._require(thread_id)
        async with self._reporting():
            lines = await self._redis.lrange(self._keys(thread_id)[1], 0, -1)
        return [json.loads(line) for line in lines]

    async def result_of(self, thread_id: str, turn_id: str) -> dict[str, Any] | None:
        await self._require(thread_id)
        async with self._reporting():
            text = await self._redis.hget(self._keys(thread_id)[2], turn_id)
        return None if text is None else json.loads(text)

    async def append(
        self, thread_id: str, turn_id: str, messages: list[Message], result: dict[str, Any]
    ) -> None:
        await self._require(thread_id)
        thread, said, turns = self._keys(thread_id)
        lines = [json.dumps(message, ensure_ascii=False) for message in messages]
        async with self._reporting():
            while True:
                async with self._redis.pipeline(transaction=True) as pipe:
                    try:
                        await pipe.watch(turns)
                        if await pipe.hexists(turns, turn_id):
                            return
                        pipe.multi()  # type: ignore[no-untyped-call]  # redis-py's
                        if lines:
                            pipe.rpush(said, *lines)
                        pipe.hset(turns, turn_id, json.dumps(result, ensure_ascii=False))
                        for key in (thread, said, turns):
                            pipe.expire(key, self._ttl)
                        await pipe.execute()
                        return
                    except WatchError:  # another turn of this thread ended meanwhile
                        continue

    async def probe(self) -> str:
        async with self._reporting():
            await self._redis.ping()
            info = await self._redis.info("server")
        return f"Redis {info.get('redis_version', '?')} at {self._where}"

    async def close(self) -> None:
        await self._redis.aclose()
