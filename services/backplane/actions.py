"""The way of an action: appended by the edge, read once per step by the replica's frame loop.

Knows streams and bytes; what an action means is `wire.action`'s.
"""

import logging
import time
from typing import cast

import redis as blocking
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.backplane.connection import BackplaneError
from services.wire import keys

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.25  # a frame loop never waits longer for its actions
PAUSE_AFTER_ERROR_S = 0.5
REFRESH_S = keys.ACTIONS_TTL_S / 3

Streams = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class ActionWriter:
    """The edge's side. One connection of its own, so that actions keep their order."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis.client()
        self._refreshed_at: dict[str, float] = {}

    async def append(self, replica_id: str, session_id: str, action: bytes) -> None:
        """Appends to the replica's stream. Raises BackplaneError when Redis is not there."""
        stream = keys.actions(replica_id)
        await self._redis.xadd(
            stream, {"s": session_id, "a": action}, maxlen=keys.ACTIONS_MAXLEN, approximate=True
        )
        now = time.monotonic()
        if now - self._refreshed_at.get(stream, -REFRESH_S) >= REFRESH_S:
            self._refreshed_at = {
                s: at for s, at in self._refreshed_at.items() if now - at < REFRESH_S
            }
            self._refreshed_at[stream] = now
            await self._redis.expire(stream, keys.ACTIONS_TTL_S)

    async def aclose(self) -> None:
        await self._redis.aclose(close_connection_pool=False)


class ActionReader:
    """The frame loop's side: a blocking client for its one thread."""

    def __init__(self, url: str, replica_id: str) -> None:
        self._redis = blocking.Redis.from_url(
            url,
            socket_timeout=READ_TIMEOUT_S,
            socket_connect_timeout=READ_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._stream = keys.actions(replica_id)
        self._last_id: str | bytes = "0"
        self._is_lost = False
        self._not_before = 0.0

    def read(self) -> list[tuple[str, bytes]]:
        """(session id, action) of everything new, oldest first, without waiting for more.

        Nothing while Redis is away. After that the stream is read again from its start, as a
        new server may number differently; who merges drops what is not newer.
        """
        if time.monotonic() < self._not_before:
            return []
        try:
            found = self._redis.xread({self._stream: self._last_id}, count=keys.ACTIONS_MAXLEN)
        except BackplaneError as error:
            self._lose(error)
            return []
        if self._is_lost:
            self._is_lost = False
            log.info("actions are back", extra={"stream": self._stream})
        if not found:
            return []
        [(_, entries)] = cast(Streams, found)
        self._last_id = entries[-1][0]
        return [(entry[b"s"].decode(), entry[b"a"]) for _, entry in entries]

    def close(self) -> None:
        self._redis.close()

    def _lose(self, error: BackplaneError) -> None:
        self._not_before = time.monotonic() + PAUSE_AFTER_ERROR_S
        self._last_id = "0"
        if not self._is_lost:
            self._is_lost = True
            log.warning("actions are lost", extra={"stream": self._stream, "error": str(error)})
