"""Reads a replica's action stream in a thread, so the serving loop never waits for Redis.

Knows streams and bytes; `wire.action` gives the bytes a meaning.
"""

import logging
import time
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import cast

import redis as blocking
from redis.backoff import NoBackoff
from redis.retry import Retry

from services.backplane.connection import TIMEOUT_S, BackplaneError
from services.backplane.records import readable
from services.wire import keys

log = logging.getLogger(__name__)

BLOCK_MS = 200  # one read waits so long for the next action
BATCH_S = 0.002  # between two reads: many small ones would take turns with the serving loop
PAUSE_AFTER_ERROR_S = 0.5
UPKEEP_PERIOD_S = 2.0  # of the clock and of the stream's time to live

Entry = tuple[bytes, dict[bytes, bytes]]
Streams = list[tuple[bytes, list[Entry]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAction:
    """One stream entry. `age_s`: seconds since Redis stored the entry, by Redis' clock."""

    session_id: str
    message: bytes
    age_s: float


class ActionReader:
    """Owns a reading thread and a buffer of entries. If Redis hangs or a name does not resolve,
    only the thread waits."""

    def __init__(self, url: str, replica_id: str) -> None:
        self._redis = blocking.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._stream = keys.actions(replica_id)
        self._last_id: str | bytes = "0"
        self._arrived: list[Entry] = []
        self._lock = Lock()  # of what arrived; never held while Redis is asked
        self._is_lost = False
        self._clock_ahead_s = 0.0  # the server's clock before ours
        self._kept_up_s = -UPKEEP_PERIOD_S
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="action-reader", daemon=True)
        self._thread.start()

    def read(self) -> list[ReadAction]:
        """Returns the entries since the last call, oldest first. Never waits.

        After an outage the thread reads the stream from the start, because a new Redis server may
        number entries differently. The merger drops actions with an old sequence number.
        """
        with self._lock:
            taken, self._arrived = self._arrived, []
        now_s = time.time() + self._clock_ahead_s
        return readable(lambda one: _action(*one, now_s=now_s), taken, "action")

    def close(self) -> None:
        """Asks the thread to stop; a thread blocked in Redis ends at the socket time-out."""
        self._stopping.set()
        self._thread.join(2 * BLOCK_MS / 1000)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._keep_up()
                found = self._redis.xread(
                    {self._stream: self._last_id}, count=keys.ACTIONS_MAXLEN, block=BLOCK_MS
                )
            except BackplaneError as error:
                self._lose(error)
                self._stopping.wait(PAUSE_AFTER_ERROR_S)
                continue
            if self._is_lost:
                self._is_lost = False
                log.info("actions are back", extra={"stream": self._stream})
            if found:
                [(_, entries)] = cast(Streams, found)
                self._last_id = entries[-1][0]
                with self._lock:  # whole, so that `read` shows a stream once read again at once
                    self._arrived = [*self._arrived, *entries][-keys.ACTIONS_MAXLEN :]
                self._stopping.wait(BATCH_S)
        self._redis.close()

    def _keep_up(self) -> None:
        """Follows the server's clock, and keeps the stream's end in time. The latter is a write:
        a demoted server refuses it, and is left."""
        now = time.monotonic()
        if now - self._kept_up_s < UPKEEP_PERIOD_S:
            return
        self._redis.expire(self._stream, keys.ACTIONS_TTL_S)
        asked_s = time.time()
        seconds, microseconds = self._redis.time()
        middle_s = (asked_s + time.time()) / 2
        self._clock_ahead_s = seconds + microseconds / 1e6 - middle_s
        self._kept_up_s = now

    def _lose(self, error: BackplaneError) -> None:
        self._redis.connection_pool.disconnect()
        self._last_id = "0"
        self._kept_up_s = -UPKEEP_PERIOD_S
        if not self._is_lost:
            self._is_lost = True
            log.warning("actions are lost", extra={"stream": self._stream, "error": str(error)})


def _action(entry_id: bytes, entry: dict[bytes, bytes], *, now_s: float) -> ReadAction:
    age_s = max(0.0, now_s - _taken_at_s(entry_id))
    return ReadAction(session_id=entry[b"s"].decode(), message=entry[b"a"], age_s=age_s)


def _taken_at_s(entry_id: bytes) -> float:
    """An entry's id begins with the server's time in milliseconds."""
    return int(entry_id.partition(b"-")[0]) / 1000
