"""The way of an action: appended by the edge, read once per step by the replica's frame loop.

Knows streams and bytes; what an action means is `wire.action`'s.
"""

import logging
import time
from dataclasses import dataclass
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
CLOCK_PERIOD_S = 30.0  # between two looks at the server's clock

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAction:
    """One entry of the stream. `age_s`: how long ago the server took it, by the server's clock."""

    session_id: str
    message: bytes
    age_s: float


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
        self._clock_ahead_s = 0.0  # the server's clock before ours
        self._clock_read_s = -CLOCK_PERIOD_S

    def read(self) -> list[ReadAction]:
        """Everything new, oldest first, without waiting for more.

        Nothing while Redis is away. After that the stream is read again from its start, as a
        new server may number differently; who merges drops what is not newer.
        """
        if time.monotonic() < self._not_before:
            return []
        try:
            self._follow_clock()
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
        now_s = time.time() + self._clock_ahead_s
        return [
            ReadAction(
                session_id=entry[b"s"].decode(),
                message=entry[b"a"],
                age_s=max(0.0, now_s - _taken_at_s(entry_id)),
            )
            for entry_id, entry in entries
        ]

    def close(self) -> None:
        self._redis.close()

    def _follow_clock(self) -> None:
        now = time.monotonic()
        if now - self._clock_read_s < CLOCK_PERIOD_S:
            return
        asked_s = time.time()
        seconds, microseconds = self._redis.time()
        middle_s = (asked_s + time.time()) / 2
        self._clock_ahead_s = seconds + microseconds / 1e6 - middle_s
        self._clock_read_s = now

    def _lose(self, error: BackplaneError) -> None:
        self._not_before = time.monotonic() + PAUSE_AFTER_ERROR_S
        self._last_id = "0"
        self._clock_read_s = -CLOCK_PERIOD_S
        if not self._is_lost:
            self._is_lost = True
            log.warning("actions are lost", extra={"stream": self._stream, "error": str(error)})


def _taken_at_s(entry_id: bytes) -> float:
    """An entry's id begins with the server's time in milliseconds."""
    return int(entry_id.partition(b"-")[0]) / 1000
