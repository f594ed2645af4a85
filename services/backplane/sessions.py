"""Session records in Redis: status, queue, ownership and snapshots. Every change is one Lua script.

An owner's write carries the lease; Redis refuses the write of a replica that lost the session.
Knows neither worlds nor the content of snapshots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from services.backplane.connection import Script, session_script
from services.backplane.limits import LimitError, Limits, Refusal
from services.backplane.records import read_or_raise, readable
from services.wire import keys
from services.wire.codec import VideoCodec
from services.wire.session import NEXT_STATUSES, Lease, SessionRecord, SessionStatus

LEASE_MS = 3000  # renewed each second
QUEUE_PATIENCE_MS = 90_000  # a waiting page looks every few seconds, in a hidden tab once a minute
PRESENT_MS = 8000  # who gave no sign for longer is not given a slot
SETTLED_MS = 60_000  # an owner that lasted this long was no loss
MAX_LOSSES = 5
LOST_TOO_OFTEN = (
    "Your world could not be picked up again. Its last saved moment is kept for an hour."
)

_LAST = {s: [b.value for b, after in NEXT_STATUSES.items() if s in after] for s in SessionStatus}
_SCRIPTS = (
    "acquire",
    "create",
    "end",
    "end_overdue",
    "has_room",
    "mark_seen",
    "memory",
    "renew",
    "requeue",
    "restore",
    "save_snapshot",
    "set_codec",
    "set_status",
    "waiting",
    "wake",
)
_NO_LIMITS = Limits()
_REFUSALS = {-1: Refusal.QUEUE_FULL, -2: Refusal.ENOUGH_OPEN, -3: Refusal.NO_ROOM}


class Loss(StrEnum):
    """A replica failed a session. `requeue.lua` decides whether the loss counts against the
    session."""

    ONE_OF_MANY = "many"  # others could play the session
    ONLY = "only"  # no other replica takes sessions of its world


class QueuedSession(NamedTuple):
    """A queued session and the world that the session waits for."""

    session_id: str
    world: str


class SessionStore:
    """Session records, queue, leases and snapshots over one Redis client."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts: dict[str, Script] = {n: session_script(redis, n) for n in _SCRIPTS}

    async def create(
        self,
        record: SessionRecord,
        *,
        max_queued: int,
        max_age_s: int = keys.SESSION_TTL_S,
        limits: Limits = _NO_LIMITS,
    ) -> int:
        """Queues a new session and returns its 0-based position among all queued sessions.

        `max_queued` bounds the queue of the record's world; `max_age_s` bounds the time that the
        session plays: time in the queue and paused time do not count.
        Redis' clock sets the record's times. Raises LimitError beyond a limit.
        """
        written = asdict(record) | {"status": SessionStatus.QUEUED.value}
        pairs = [part for field in written.items() for part in field]
        place = await self._run(
            "create",
            record.session_id,
            max_queued,
            max_age_s * 1000,
            keys.SESSION_TTL_S,
            limits.max_bytes,
            limits.session_bytes,
            limits.written_callers,
            limits.max_open,
            keys.open_sessions(""),
            keys.session(""),
            *pairs,
        )
        if place < 0:
            raise LimitError(_REFUSALS[place])
        return int(place)

    async def has_room(self, limits: Limits) -> bool:
        """Returns whether Redis has memory for one more session. Writes nothing."""
        return bool(await self._run("has_room", "", limits.max_bytes, limits.session_bytes))

    async def memory(self, *, max_bytes: int) -> tuple[int, int]:
        """Returns (bytes used by Redis, bytes at which create and save are refused)."""
        used, limit = await self._run("memory", "", max_bytes)
        return int(used), int(limit)

    async def get(self, session_id: str) -> SessionRecord | None:
        """Raises RecordError for an unreadable record."""
        found = cast(dict[bytes, bytes], await self._redis.hgetall(keys.session(session_id)))
        return read_or_raise(record_of, found, "session") if found else None

    async def position(self, session_id: str) -> int | None:
        """Returns the 0-based position in the queue of all worlds; None if the session does not
        wait."""
        return cast(int | None, await self._redis.zrank(keys.QUEUE, session_id))

    async def waiting(self, *, within_ms: int = QUEUE_PATIENCE_MS) -> list[str]:
        """Returns the ids of `queued`."""
        return [session.session_id for session in await self.queued(within_ms=within_ms)]

    async def queued(self, *, within_ms: int = QUEUE_PATIENCE_MS) -> list[QueuedSession]:
        """Returns the queued sessions in order, limited to players seen within `within_ms`.

        A queued session whose player was not seen for QUEUE_PATIENCE_MS is ended.
        """
        flat = await self._run_over_all("waiting", QUEUE_PATIENCE_MS, keys.SESSION_TTL_S, within_ms)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return readable(
            lambda pair: QueuedSession(*map(bytes.decode, pair)), pairs, "queued session"
        )

    async def acquire(
        self,
        session_id: str,
        *,
        replica_id: str,
        frame_address: str,
        link_key: str,
        world_digest: str = "",
    ) -> Lease | None:
        """Takes a queued session: status starting, removed from the queue, epoch + 1. Returns None
        if the session is not queued.

        `link_key` must be random and new at each call. `world_digest`: the version that serves the
        session from now on.
        """
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
        return None if epoch < 0 else Lease(epoch=epoch, link_key=link_key)

    async def renew(self, session_id: str, lease: Lease) -> SessionRecord | None:
        """Extends the lease by LEASE_MS and returns the current record; None if the session has
        ended or has another owner.

        An expired lease puts the session back in the queue. If no replica acquired the session
        since, renewal takes the session back.
        """
        found = await self.renew_fields(session_id, lease)
        return read_or_raise(record_of, found, "session") if found else None

    async def renew_fields(self, session_id: str, lease: Lease) -> dict[bytes, bytes]:
        """As `renew`, with all fields of the record for `restore`; empty instead of None."""
        args = (lease.epoch, lease.link_key, LEASE_MS, keys.SESSION_TTL_S, SETTLED_MS)
        flat = await self._run("renew", session_id, *args)
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def restore(self, session_id: str, lease: Lease, fields: Mapping[bytes, bytes]) -> bool:
        """Writes the record again after Redis has lost it, or has come back with an older one.
        `fields`: from the owner's last renewal. Returns False when Redis holds a record that is as
        new: the session has ended, or another replica owns it."""
        prefix = keys.open_sessions("")
        args = (lease.epoch, lease.link_key, LEASE_MS, keys.SESSION_TTL_S, prefix)
        pairs = [part for field in fields.items() for part in field]
        return bool(await self._run("restore", session_id, *args, *pairs))

    async def set_status(
        self,
        session_id: str,
        status: SessionStatus,
        lease: Lease,
        *,
        reason: str = "",
        keeps_snapshot: bool = False,
    ) -> bool:
        """Sets status live, paused or ended. Returns False if the caller no longer owns the
        session.

        `keeps_snapshot`: the newest snapshot of an ended session stays until the normal expiry.
        """
        assert status in (SessionStatus.LIVE, SessionStatus.PAUSED, SessionStatus.ENDED)
        return bool(
            await self._run(
                "set_status",
                session_id,
                lease.epoch,
                lease.link_key,
                status.value,
                reason,
                int(keeps_snapshot),
                keys.SESSION_TTL_S,
                *_LAST[status],
            )
        )

    async def requeue(
        self, session_id: str, lease: Lease, *, reason: str = "", loss: Loss | None = None
    ) -> bool:
        """The owner returns the session to the front of the queue; `loss` tells that the replica
        failed.

        Returns False if the caller no longer owns the session, or if the session had more than
        MAX_LOSSES losses. In the second case the session ends and the snapshot stays.
        """
        return await self._requeue(session_id, lease.epoch, lease.link_key, "", reason, loss)

    async def requeue_lost(
        self, session_id: str, *, epoch: int, reason: str = "", loss: Loss = Loss.ONE_OF_MANY
    ) -> bool:
        """Requeues a session whose owner of this epoch is known to be dead."""
        return await self._requeue(session_id, epoch, "", "", reason, loss)

    async def requeue_expired(
        self,
        session_id: str,
        *,
        lease_until_ms: int,
        reason: str = "",
        loss: Loss = Loss.ONE_OF_MANY,
    ) -> bool:
        """Requeues a session whose lease expired; refused if the lease was renewed since. A live
        owner may take the session back with `renew`."""
        return await self._requeue(session_id, "", "", lease_until_ms, reason, loss)

    async def wake(self, session_id: str) -> bool:
        """Puts the session of a returned player at the end of the queue, since a paused session has
        no slot.

        Returns False if the queue is full, or if the caller has the maximum of open sessions.
        """
        prefixes = (keys.open_sessions(""), keys.session(""))
        return bool(await self._run("wake", session_id, *prefixes, keys.SESSION_TTL_S) >= 0)

    async def end(self, session_id: str, reason: str) -> bool:
        """Ends the session for a player or an operator; idempotent. Returns False if the session
        does not exist."""
        return bool(await self._run("end", session_id, reason, keys.SESSION_TTL_S))

    async def end_overdue(self, reason: str) -> list[str]:
        """Ends every session that has played for its `max_age_s` and returns the ids."""
        found = await self._run_over_all("end_overdue", reason, keys.SESSION_TTL_S)
        return readable(bytes.decode, found, "session id")

    async def mark_seen(self, session_id: str, *, is_connected: bool = False) -> None:
        """Records a sign of the player. `is_connected`: over the player's connection, which keeps
        the slot; a poll alone does not keep a slot."""
        await self._run("mark_seen", session_id, keys.SESSION_TTL_S, int(is_connected))

    async def set_codec(self, session_id: str, codec: VideoCodec) -> None:
        """Sets the codec of the session's video; ingest calls `set_codec` when a player
        connects."""
        await self._run("set_codec", session_id, codec.value, keys.SESSION_TTL_S)

    async def leases(self) -> dict[str, int]:
        """Returns session id -> lease expiry in ms of Redis' clock, for starting and live
        sessions."""
        found = await self._redis.zrange(keys.LEASES, 0, -1, withscores=True)
        pairs = cast(list[tuple[bytes, float]], found)
        return dict(readable(_lease_end, pairs, "lease"))

    async def save_snapshot(self, session_id: str, lease: Lease, blob: bytes) -> bool:
        """Stores the session's newest snapshot. Returns False if the caller no longer owns the
        session."""
        args = (lease.epoch, lease.link_key, blob, keys.SNAPSHOT_TTL_S)
        return bool(await self._run("save_snapshot", session_id, *args))

    async def load_snapshot(self, session_id: str) -> bytes | None:
        """Returns the newest snapshot of a session, or the saved snapshot with this id."""
        return cast(bytes | None, await self._redis.get(keys.snapshot(session_id)))

    async def lengths_s(self) -> list[float]:
        """Returns how long recent owners held a slot, in seconds, newest first, at most 64."""
        found = cast(list[bytes], await self._redis.lrange(keys.LENGTHS, 0, -1))
        return [ms / 1000 for ms in readable(int, found, "length of a session")]

    async def count(self) -> int:
        """Returns the number of sessions that have not ended."""
        return int(await self._redis.zcard(keys.ENDINGS))

    async def _requeue(
        self,
        session_id: str,
        epoch: int | str,
        link_key: str,
        lease_until_ms: int | str,
        reason: str,
        loss: Loss | None,
    ) -> bool:
        owner = (epoch, link_key, lease_until_ms)
        words = (reason, "" if loss is None else loss.value, LOST_TOO_OFTEN)
        limits = (keys.SESSION_TTL_S, MAX_LOSSES)
        return bool(await self._run("requeue", session_id, *owner, *words, *limits))

    async def _run(self, name: str, session_id: str, *args: str | int | bytes) -> Any:
        return await self._scripts[name](keys=session_keys(session_id), args=(session_id, *args))

    async def _run_over_all(self, name: str, *args: str | int) -> Any:
        prefixes = (keys.session(""), keys.snapshot(""))
        all_keys = (*session_keys(""), keys.WATCHED)
        return await self._scripts[name](keys=all_keys, args=(*prefixes, *args))


def session_keys(session_id: str) -> Sequence[str]:
    """Returns the keys in the order of common.lua."""
    return (
        keys.session(session_id),
        keys.QUEUE,
        keys.LEASES,
        keys.ENDINGS,
        keys.LENGTHS,
        keys.snapshot(session_id),
    )


def _lease_end(pair: tuple[bytes, float]) -> tuple[str, int]:
    session_id, until_ms = pair
    return session_id.decode(), int(until_ms)


def record_of(found: Mapping[bytes, bytes]) -> SessionRecord:
    """From the hash, whose further fields are the scripts' own; some of the record's are not there
    all the time, or an older service did not write them."""
    values: dict[str, Any] = {}
    for field in fields(SessionRecord):
        raw = found.get(field.name.encode())
        if raw is not None:
            text = raw.decode()
            values[field.name] = field.type(text) if isinstance(field.type, type) else text
    return SessionRecord(**values)
