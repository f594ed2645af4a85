"""Appends actions to the stream of a replica. Ingest writes the stream, `action_reader.py` reads.

Knows streams and bytes; `wire.action` gives the bytes a meaning.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from services.backplane.connection import BackplaneError
from services.wire import keys


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    stream: str
    session_id: str
    action: bytes
    appended: asyncio.Future[None]


class ActionWriter:
    """Batches appends: actions that arrive during one round trip to Redis go with the next batch.
    The round trip bounds the delay, not the rate. Only one batch is in flight, which keeps the
    order."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Entry] = []
        self._sending: asyncio.Task[None] | None = None

    async def append(self, replica_id: str, session_id: str, action: bytes) -> None:
        """Appends to the replica's stream. Raises BackplaneError if Redis does not store the
        action."""
        appended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream = keys.actions(replica_id)
        self._waiting.append(
            _Entry(stream=stream, session_id=session_id, action=action, appended=appended)
        )
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        await appended

    async def aclose(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                outcomes = await self._append_all(batch)
            except BackplaneError as error:
                outcomes = [error] * len(batch)
            for entry, outcome in zip(batch, outcomes, strict=True):
                if entry.appended.done():
                    continue  # who asked has left
                if isinstance(outcome, Exception):
                    entry.appended.set_exception(outcome)
                else:
                    entry.appended.set_result(None)

    async def _append_all(self, batch: list[_Entry]) -> list[object]:
        """What Redis said to each."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for entry in batch:
                fields: dict[Any, Any] = {"s": entry.session_id, "a": entry.action}
                pipe.xadd(entry.stream, fields, maxlen=keys.ACTIONS_MAXLEN, approximate=True)
            for stream in {entry.stream for entry in batch}:
                pipe.expire(stream, keys.ACTIONS_TTL_S)
            outcomes = cast(list[object], await pipe.execute(raise_on_error=False))
        return outcomes[: len(batch)]
