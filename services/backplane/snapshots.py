"""World snapshots that a player saved: copies with an own id, to resume from or to share.

The id is the credential: 128 random bits, given to the session's player only. Everybody with the id
may open a session from the snapshot. Knows nothing about the content of the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from services.backplane.connection import session_script
from services.backplane.limits import LimitError, Refusal
from services.backplane.records import read_or_raise
from services.backplane.sessions import session_keys
from services.wire import keys

MAX_SAVED = 8  # per session; the oldest makes room


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSnapshot:
    """Origin of a saved snapshot."""

    world: str
    start: int
    seed: int
    world_digest: str = ""


_REFUSALS = {0: Refusal.NOTHING_YET, -2: Refusal.ENOUGH_SAVED, -3: Refusal.NO_ROOM}


class SavedSnapshots:
    """Copies of the newest snapshots of sessions. `SessionStore.load_snapshot(id)` reads the
    bytes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._copy = session_script(redis, "copy_snapshot")

    async def save(
        self,
        session_id: str,
        *,
        snapshot_id: str,
        max_saved: int = MAX_SAVED,
        max_bytes: int = 0,
        session_bytes: int = 0,
    ) -> None:
        """Copies the session's newest snapshot to a key of its own. Raises LimitError.

        `max_saved`: limit over all sessions of the session's caller; `max_bytes` and
        `session_bytes` as in `Limits`.
        """
        copy = (keys.snapshot(snapshot_id), keys.saved_origin(snapshot_id), keys.copies(session_id))
        prefixes = (keys.snapshot(""), keys.saved_origin(""))
        limits = (max_bytes, session_bytes, max_saved, keys.saved(""))
        args = (session_id, snapshot_id, keys.SNAPSHOT_TTL_S, MAX_SAVED, *prefixes, *limits)
        answer = cast(int, await self._copy(keys=(*session_keys(session_id), *copy), args=args))
        if answer != 1:
            raise LimitError(_REFUSALS[answer])

    async def get(self, snapshot_id: str) -> SavedSnapshot | None:
        found = cast(dict[bytes, bytes], await self._redis.hgetall(keys.saved_origin(snapshot_id)))
        if not found:
            return None
        return read_or_raise(_saved, found, "saved snapshot")


def _saved(found: Mapping[bytes, bytes]) -> SavedSnapshot:
    return SavedSnapshot(
        world=found[b"world"].decode(),
        start=int(found[b"start"]),
        seed=int(found[b"seed"]),
        world_digest=found.get(b"world_digest", b"").decode(),
    )
