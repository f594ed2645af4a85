"""The truth about sessions: who waits, who owns, in which state. Every change is one script.

Writes of an owner carry its epoch; one that lost its lease to another is refused. Knows neither
worlds nor what a snapshot holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, cast

from redis.asyncio import Redis

from services.backplane.connection import Script, session_script
from services.wire import keys
from services.wire.session import NEXT_STATUSES, SessionRecord, SessionStatus

LEASE_MS = 3000  # renewed each second
LINE_PATIENCE_MS = 90_000  # a waiting page looks every few seconds, in a hidden tab once a minute
SETTLED_MS = 60_000  # an owner that lasted this long was no loss
MAX_LOSSES = 5

_LAST = {s: [b.value for b, after in NEXT_STATUSES.items() if s in after] for s in SessionStatus}
_SCRIPTS = (
    "acquire",
    "create",
    "end",
    "end_overdue",
    "expired_leases",
    "mark_seen",
    "renew",
    "requeue",
    "save_snapshot",
    "set_status",
    "waiting",
)


class SessionStore:
    """Session records, the waiting line, leases and snapshots, over one client."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts: dict[str, Script] = {n: session_script(redis, n) for n in _SCRIPTS}

    async def create(
        self, record: SessionRecord, *, max_line: int, max_age_s: int = keys.SESSION_TTL_S
    ) -> int | None:
        """Queued at the end of the line; its 0-based place, or None: the line is full.

        The record's own times are set by Redis' clock. After `max_age_s` its time is up.
        """
        written = asdict(record) | {"status": SessionStatus.QUEUED.value}
        pairs = [part for field in written.items() for part in field]
        place = await self._run(
            "create", record.session_id, max_line, max_age_s * 1000, keys.SESSION_TTL_S, *pairs
        )
        return None if place < 0 else int(place)

    async def get(self, session_id: str) -> SessionRecord | None:
        found = await self._redis.hgetall(keys.session(session_id))
        return _record(cast(dict[bytes, bytes], found)) if found else None

    async def position(self, session_id: str) -> int | None:
        """Its place in the line, 0 is next; None when it does not wait."""
        return cast(int | None, await self._redis.zrank(keys.LINE, session_id))

    async def waiting(self) -> list[str]:
        """The line in order. Who showed no sign for LINE_PATIENCE_MS has left it and is ended."""
        found = await self._run_over_all("waiting", LINE_PATIENCE_MS, keys.SESSION_TTL_S)
        return [session_id.decode() for session_id in found]

    async def acquire(
        self,
        session_id: str,
        *,
        replica_id: str,
        frame_address: str,
        link_key: str,
        world_digest: str = "",
    ) -> int | None:
        """The lease: queued → starting, out of the line. The new epoch; None: not to be had.
        `world_digest`: the version that it is played in from now on."""
        epoch = await self._run(
            "acquire",
            session_id,
            replica_id,
            frame_address,
            link_key,
            LEASE_MS,
            keys.SESSION_TTL_S,
            world_digest,
        )
        return None if epoch < 0 else int(epoch)

    async def renew(self, session_id: str, *, epoch: int) -> SessionRecord | None:
        """The record as it is now, leased for LEASE_MS more; None: lost or ended, stop."""
        flat = await self._run("renew", session_id, epoch, LEASE_MS, keys.SESSION_TTL_S, SETTLED_MS)
        return _record(dict(zip(flat[::2], flat[1::2], strict=True))) if flat else None

    async def set_status(
        self, session_id: str, status: SessionStatus, *, epoch: int, reason: str = ""
    ) -> bool:
        """By the owner: live, paused or ended. False: refused, the caller no longer owns it."""
        assert status in (SessionStatus.LIVE, SessionStatus.PAUSED, SessionStatus.ENDED)
        return bool(
            await self._run(
                "set_status",
                session_id,
                epoch,
                status.value,
                reason,
                keys.SESSION_TTL_S,
                *_LAST[status],
            )
        )

    async def requeue(self, session_id: str, *, epoch: int | None, reason: str = "") -> bool:
        """To the front of the line: with an epoch because that owner was lost or lets it go,
        with None because a paused player came back. False: it was not so, nothing changed; or
        it lost its owner more than MAX_LOSSES times in a row and was ended."""
        return bool(
            await self._run(
                "requeue",
                session_id,
                "" if epoch is None else epoch,
                reason,
                keys.SESSION_TTL_S,
                MAX_LOSSES,
            )
        )

    async def end(self, session_id: str, reason: str) -> bool:
        """By the player or an operator; idempotent. False: there is no such session."""
        return bool(await self._run("end", session_id, reason, keys.SESSION_TTL_S))

    async def end_overdue(self, reason: str) -> list[str]:
        """Ends every session whose time is up; their ids."""
        found = await self._run_over_all("end_overdue", reason, keys.SESSION_TTL_S)
        return [session_id.decode() for session_id in found]

    async def mark_seen(self, session_id: str) -> None:
        """A sign of the player, from whoever saw it."""
        await self._run("mark_seen", session_id, keys.SESSION_TTL_S)

    async def expired_leases(self) -> list[str]:
        """Starting and live sessions whose owner stopped renewing."""
        return [session_id.decode() for session_id in await self._run_over_all("expired_leases")]

    async def save_snapshot(self, session_id: str, epoch: int, blob: bytes) -> bool:
        """The session's newest snapshot. False: refused, the caller no longer owns it."""
        return bool(await self._run("save_snapshot", session_id, epoch, blob, keys.SNAPSHOT_TTL_S))

    async def load_snapshot(self, session_id: str) -> bytes | None:
        """The newest snapshot of a session, or one kept under this id."""
        return cast(bytes | None, await self._redis.get(keys.snapshot(session_id)))

    async def lengths_s(self) -> list[float]:
        """How long recent owners held their slot, newest first, at most 64."""
        return [int(ms) / 1000 for ms in await self._redis.lrange(keys.LENGTHS, 0, -1)]

    async def count(self) -> int:
        """Sessions that have not ended."""
        return int(await self._redis.zcard(keys.ENDINGS))

    async def _run(self, name: str, session_id: str, *args: str | int | bytes) -> Any:
        return await self._scripts[name](keys=session_keys(session_id), args=(session_id, *args))

    async def _run_over_all(self, name: str, *args: str | int) -> Any:
        prefixes = (keys.session(""), keys.snapshot(""))
        return await self._scripts[name](keys=session_keys(""), args=(*prefixes, *args))


def session_keys(session_id: str) -> Sequence[str]:
    """In the order that common.lua names them."""
    return (
        keys.session(session_id),
        keys.LINE,
        keys.LEASES,
        keys.ENDINGS,
        keys.LENGTHS,
        keys.snapshot(session_id),
    )


def _record(found: Mapping[bytes, bytes]) -> SessionRecord:
    """From the hash, whose further fields are the scripts' own."""
    values: dict[str, Any] = {}
    for field in fields(SessionRecord):
        text = found[field.name.encode()].decode()
        values[field.name] = int(text) if field.type is int else text
    return SessionRecord(**values | {"status": SessionStatus(values["status"])})
