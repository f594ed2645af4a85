"""The player lock: a lease in Redis that lets one peer play a session, across ingest processes.

A peer's id proves that the peer holds the lock, so a peer's id must be hard to guess. The lock
knows no connections: ingest reports how long the player was silent.
"""

from redis.asyncio import Redis

from services.backplane.connection import session_script
from services.backplane.sessions import session_keys

PATIENCE_MS = 3000  # another peer may take the lock of a holder that is silent for longer


class PlayerLock:
    """The player locks of all sessions, shared by all ingest processes."""

    def __init__(self, redis: Redis) -> None:
        self._take = session_script(redis, "take_player_lock")
        self._renew = session_script(redis, "renew_player_lock")
        self._release = session_script(redis, "release_player_lock")

    async def take(self, session_id: str, peer_id: str) -> bool:
        """Returns False if another peer plays, or if the session does not exist."""
        args = (session_id, peer_id, PATIENCE_MS)
        return bool(await self._take(keys=session_keys(session_id), args=args))

    async def renew(self, session_id: str, peer_id: str, *, silent_s: float) -> bool:
        """Extends the lease from the holder's last message, `silent_s` seconds ago.

        Returns False if the peer no longer holds the lock.
        """
        args = (session_id, peer_id, round(1000 * silent_s))
        return bool(await self._renew(keys=session_keys(session_id), args=args))

    async def release(self, session_id: str, peer_id: str, *, silent_s: float = 0.0) -> bool:
        """Frees the lock at once; the holder's last message is `silent_s` seconds old.

        Returns False if the peer does not hold the lock.
        """
        args = (session_id, peer_id, round(1000 * silent_s))
        return bool(await self._release(keys=session_keys(session_id), args=args))
