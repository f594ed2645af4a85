"""Checks and limits a session's actions on the way to the owner's stream. Knows neither peers nor
sockets."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from services.backplane.connection import BackplaneError
from services.ingest.metrics import ACTIONS
from services.ingest.webrtc.token_bucket import TokenBucket
from services.repeated_log import RepeatedLog
from services.wire.action import Action

MAX_ACTIONS_PER_S = 240
BURST_ACTIONS = 60
MAX_BACKLOG = 32  # actions are state: when Redis is slow the oldest are worth the least
STRIKES_PER_S = 50
MAX_STRIKES = 500

repeated = RepeatedLog(logging.getLogger(__name__))


class ActionVerdict(StrEnum):
    """Result of the check of one action; also the label of the counter."""

    TAKEN = "taken"
    NOT_LIVE = "not_live"  # nobody renders the session now
    TOO_MANY = "too_many"
    MALFORMED = "malformed"
    ABUSE = "abuse"  # too many bad or too many at all, for too long: cut the sender off


class ActionStream(Protocol):
    async def append(self, replica_id: str, session_id: str, action: bytes) -> None: ...


class ActionGate:
    """Checks, limits and forwards the actions of one session, from a data channel or a WebSocket.

    `replica_id`: the current owner, empty without an owner. `run` forwards the actions in order of
    arrival.
    """

    def __init__(
        self,
        session_id: str,
        stream: ActionStream,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replica_id = ""
        self._session_id = session_id
        self._stream = stream
        self._clock = clock
        self._rate = TokenBucket(per_s=MAX_ACTIONS_PER_S, burst=BURST_ACTIONS)
        self._strikes = TokenBucket(per_s=STRIKES_PER_S, burst=MAX_STRIKES)
        self._backlog: deque[bytes] = deque()
        self._arrived = asyncio.Event()

    def offer(self, message: bytes) -> ActionVerdict:
        verdict = self._judge(message)
        ACTIONS.add(1, {"outcome": verdict.value})
        if verdict is ActionVerdict.TAKEN:
            self._backlog.append(message)
            self._arrived.set()
            if len(self._backlog) > MAX_BACKLOG:
                self._backlog.popleft()
                ACTIONS.add(1, {"outcome": "overtaken"})
        return verdict

    async def run(self) -> None:
        """Appends accepted actions to the stream until cancelled. Actions refused by Redis are
        lost."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._backlog and self.replica_id:
                await self._append(self._backlog.popleft())

    async def _append(self, action: bytes) -> None:
        try:
            await self._stream.append(self.replica_id, self._session_id, action)
        except BackplaneError as error:
            ACTIONS.add(1, {"outcome": "lost"})
            repeated.warning("action lost", cause=str(error), session_id=self._session_id)

    def _judge(self, message: bytes) -> ActionVerdict:
        now = self._clock()
        verdict = self._check(message, now)
        if verdict in (ActionVerdict.MALFORMED, ActionVerdict.TOO_MANY) and not self._strikes.take(
            now
        ):
            return ActionVerdict.ABUSE
        return verdict

    def _check(self, message: bytes, now: float) -> ActionVerdict:
        if not self._rate.take(now):
            return ActionVerdict.TOO_MANY
        try:
            Action.from_bytes(message)
        except ValueError:
            return ActionVerdict.MALFORMED
        return ActionVerdict.TAKEN if self.replica_id else ActionVerdict.NOT_LIVE
