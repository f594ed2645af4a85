"""The truth about sessions: who waits, who owns, in which state. Every change is one script.

Writes of an owner carry its lease; an owner whose session another acquired is refused. Knows
neither worlds nor what a snapshot holds.
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
    "save_snapshot",
    "set_codec",
    "set_status",
    "waiting",
    "wake",
)
_NO_LIMITS = Limits()
_REFUSALS = {-1: Refusal.QUEUE_FULL, -2: Refusal.ENOUGH_OPEN, -3: Refusal.NO_ROOM}


class Loss(StrEnum):
    """A replica failed a session. Whether the session is charged with it says `requeue.lua`."""

    ONE_OF_MANY = "many"  # others could play the session
    ONLY = "only"  # no other replica takes sessions of its world


class QueuedSession(NamedTuple):
    """A session in the line, and the world that it waits for."""

    session_id: str
    world: str


class SessionStore:
    """Session records, the waiting line, leases and snapshots, over one client."""

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

        `max_queued` bounds the queue of the record's world; `max_age_s` bounds the session's life.
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
        """Whether Redis has the bytes for one more session. Writes nothing."""
        return bool(await self._run("has_room", "", limits.max_bytes, limits.session_bytes))

    async def memory(self, *, max_bytes: int) -> tuple[int, int]:
        """(bytes that Redis uses, bytes at which creating and saving end)."""
        used, limit = await self._run("memory", "", max_bytes)
        return int(used), int(limit)

    async def get(self, session_id: str) -> SessionRecord | None:
        """Raises RecordError for one that cannot be read."""
        found = cast(dict[bytes, bytes], await self._redis.hgetall(keys.session(session_id)))
        return read_or_raise(_record, found, "session") if found else None

    async def position(self, session_id: str) -> int | None:
        """Its place in the line of all worlds, 0 is first; None when it does not wait."""
        return cast(int | None, await self._redis.zrank(keys.QUEUE, session_id))

    async def waiting(self, *, within_ms: int = QUEUE_PATIENCE_MS) -> list[str]:
        """The ids of `queued`."""
        return [session.session_id for session in await self.queued(within_ms=within_ms)]

    async def queued(self, *, within_ms: int = QUEUE_PATIENCE_MS) -> list[QueuedSession]:
        """The line in order, of it those whose player gave a sign within `within_ms`. Who gave none
        for QUEUE_PATIENCE_MS has left it and is ended."""
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
        """The lease: queued → starting, out of the line, epoch + 1; None: not to be had.
        `link_key` is new and random at each call. `world_digest`: the version that the session is
        played in from now on."""
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
        """The record as it is now, leased for LEASE_MS more; None: lost or ended, stop. A session
        that was queued because the lease ran out, and that nobody acquired since, is taken back."""
        args = (lease.epoch, lease.link_key, LEASE_MS, keys.SESSION_TTL_S, SETTLED_MS)
        flat = await self._run("renew", session_id, *args)
        found = dict(zip(flat[::2], flat[1::2], strict=True))
        return read_or_raise(_record, found, "session") if found else None

    async def set_status(
        self,
        session_id: str,
        status: SessionStatus,
        lease: Lease,
        *,
        reason: str = "",
        keeps_snapshot: bool = False,
    ) -> bool:
        """By the owner: live, paused or ended. False: refused, the caller no longer owns it.
        `keeps_snapshot`: of a session that ends the newest snapshot stays for as long as it would
        have."""
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
        """By the owner, which lets the session go, to the front of the line; with `loss` because
        it failed. False: refused, the caller no longer owns it; or the session was charged with
        more than MAX_LOSSES losses and ended, its snapshot kept."""
        return await self._requeue(session_id, lease.epoch, lease.link_key, "", reason, loss)

    async def requeue_lost(
        self, session_id: str, *, epoch: int, reason: str = "", loss: Loss = Loss.ONE_OF_MANY
    ) -> bool:
        """The same by who knows that the owner of this epoch is gone."""
        return await self._requeue(session_id, epoch, "", "", reason, loss)

    async def requeue_expired(
        self,
        session_id: str,
        *,
        lease_until_ms: int,
        reason: str = "",
        loss: Loss = Loss.ONE_OF_MANY,
    ) -> bool:
        """The same by who saw that the lease was not renewed; refused when it was since. The
        owner, if it lives, may take the session back by `renew`."""
        return await self._requeue(session_id, "", "", lease_until_ms, reason, loss)

    async def wake(self, session_id: str) -> bool:
        """A paused player came back: to the end of the line, whose slot it gave away. False: the
        line is full, or its caller has as many sessions that play or wait as it may."""
        prefixes = (keys.open_sessions(""), keys.session(""))
        return bool(await self._run("wake", session_id, *prefixes, keys.SESSION_TTL_S) >= 0)

    async def end(self, session_id: str, reason: str) -> bool:
        """By the player or an operator; idempotent. False: there is no such session."""
        return bool(await self._run("end", session_id, reason, keys.SESSION_TTL_S))

    async def end_overdue(self, reason: str) -> list[str]:
        """Ends every session whose time is up; their ids."""
        found = await self._run_over_all("end_overdue", reason, keys.SESSION_TTL_S)
        return readable(bytes.decode, found, "session id")

    async def mark_seen(self, session_id: str, *, is_connected: bool = False) -> None:
        """A sign of the player, from whoever saw it. `is_connected`: over its connection, which is
        what keeps a slot; a look at the session only says that it will come."""
        await self._run("mark_seen", session_id, keys.SESSION_TTL_S, int(is_connected))

    async def set_codec(self, session_id: str, codec: VideoCodec) -> None:
        """By the ingest that admits a player: the codec of the session's video from now on."""
        await self._run("set_codec", session_id, codec.value, keys.SESSION_TTL_S)

    async def leases(self) -> dict[str, int]:
        """When the lease of each starting and live session runs out, ms by Redis' clock."""
        found = await self._redis.zrange(keys.LEASES, 0, -1, withscores=True)
        pairs = cast(list[tuple[bytes, float]], found)
        return dict(readable(_lease_end, pairs, "lease"))

    async def save_snapshot(self, session_id: str, lease: Lease, blob: bytes) -> bool:
        """The session's newest snapshot. False: refused, the caller no longer owns it."""
        args = (lease.epoch, lease.link_key, blob, keys.SNAPSHOT_TTL_S)
        return bool(await self._run("save_snapshot", session_id, *args))

    async def load_snapshot(self, session_id: str) -> bytes | None:
        """The newest snapshot of a session, or one kept under this id."""
        return cast(bytes | None, await self._redis.get(keys.snapshot(session_id)))

    async def lengths_s(self) -> list[float]:
        """How long recent owners held their slot, newest first, at most 64."""
        found = cast(list[bytes], await self._redis.lrange(keys.LENGTHS, 0, -1))
        return [ms / 1000 for ms in readable(int, found, "length of a session")]

    async def count(self) -> int:
        """Sessions that have not ended."""
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
    """In the order that common.lua names them."""
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


def _record(found: Mapping[bytes, bytes]) -> SessionRecord:
    """From the hash, whose further fields are the scripts' own; some of the record's are not there
    all the time, or an older service did not write them."""
    values: dict[str, Any] = {}
    for field in fields(SessionRecord):
        raw = found.get(field.name.encode())
        if raw is not None:
            text = raw.decode()
            values[field.name] = field.type(text) if isinstance(field.type, type) else text
    return SessionRecord(**values)
