"""The seat of each session: the one peer that plays, whichever ingest process it came to.

A peer's id is the proof that it is the holder, so whoever makes one makes it hard to guess. Knows
no connections: how long a peer has been silent its ingest says.
"""

from redis.asyncio import Redis

from services.backplane.connection import session_script
from services.backplane.sessions import session_keys

PATIENCE_MS = 3000  # a holder that is silent for longer loses the seat to whoever asks


class Seats:
    """Who plays, for all ingest processes together."""

    def __init__(self, redis: Redis) -> None:
        self._take = session_script(redis, "take_seat")
        self._keep = session_script(redis, "keep_seat")
        self._leave = session_script(redis, "leave_seat")

    async def take(self, session_id: str, peer_id: str) -> bool:
        """False: somebody else plays, or there is no such session."""
        args = (session_id, peer_id, PATIENCE_MS)
        return bool(await self._take(keys=session_keys(session_id), args=args))

    async def keep(self, session_id: str, peer_id: str, *, silent_s: float) -> bool:
        """A sign of the holder, `silent_s` old. False: it no longer has the seat."""
        args = (session_id, peer_id, round(1000 * silent_s))
        return bool(await self._keep(keys=session_keys(session_id), args=args))

    async def leave(self, session_id: str, peer_id: str, *, silent_s: float = 0.0) -> bool:
        """The seat is free at once; its holder was heard last `silent_s` ago. False: it was not
        this peer's."""
        args = (session_id, peer_id, round(1000 * silent_s))
        return bool(await self._leave(keys=session_keys(session_id), args=args))
