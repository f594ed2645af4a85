"""Leases and queue under random interleavings, against the real scripts on a real Redis.

Replicas stall and come back, crash, drain and pause; leases expire at any moment, whether the owner
lives or not (as after a stall, or a jump of a clock); Redis fails over to older data, or loses all.
An owner behaves like `LeaseKeeper`: renews, restores a lost record, else lets the session go.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from services.backplane.connection import connect
from services.backplane.sessions import SessionStore
from services.wire import keys
from services.wire.session import Lease, SessionRecord, SessionStatus

pytestmark = pytest.mark.redis

SESSIONS = ("s1", "s2", "s3")
OWNED = (b"starting", b"live")
any_session, any_number = st.sampled_from(SESSIONS), st.integers(0, 7)


@dataclass(slots=True)
class HeldLease:
    """A replica that believes to own a session."""

    session_id: str
    lease: Lease
    status: SessionStatus = SessionStatus.STARTING
    fields: dict[bytes, bytes] = field(default_factory=dict)


class LeaseStorm(RuleBasedStateMachine):
    """Owns the replicas; Redis has everything else."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._redis: Redis = connect(self.url)
        self._store = SessionStore(self._redis)
        self._owners: list[HeldLease] = []
        self._num_leases = 0
        self._copy: dict[bytes, bytes] = {}

    @initialize()
    def begin(self) -> None:
        self._wait(self._redis.flushall())
        for session_id in SESSIONS:
            self._wait(self._store.create(_record(session_id), max_queued=9))

    @rule()
    def dispatch(self) -> None:
        waiting = self._wait(self._store.waiting())
        if waiting:
            self._acquire(waiting[0])

    @rule(number=any_number)
    def renew(self, number: int) -> None:
        if owner := self._owner(number):
            self._hold(owner)

    @rule(number=any_number)
    def go_live(self, number: int) -> None:
        if owner := self._owner(number):
            owner.status = SessionStatus.LIVE
            self._wait(self._store.set_status(owner.session_id, SessionStatus.LIVE, owner.lease))

    @rule(number=any_number)
    def save(self, number: int) -> None:
        if owner := self._owner(number):
            blob = owner.lease.link_key.encode()
            is_saved = self._wait(self._store.save_snapshot(owner.session_id, owner.lease, blob))
            if is_saved:
                assert self._is_in_record(owner)

    @rule(number=any_number, pauses=st.booleans())
    def give_away(self, number: int, pauses: bool) -> None:
        if owner := self._owner(number):
            session_id, lease = owner.session_id, owner.lease
            if pauses:
                paused = SessionStatus.PAUSED
                self._wait(self._store.set_status(session_id, paused, lease))
            else:
                self._wait(self._store.requeue(session_id, lease))
            self._owners.remove(owner)

    @rule(number=any_number)
    def crash(self, number: int) -> None:
        if owner := self._owner(number):
            self._owners.remove(owner)

    @rule(session_id=any_session)
    def expire(self, session_id: str) -> None:
        """A watch saw the lease end, rightly or not."""
        until_ms = self._wait(self._store.leases()).get(session_id)
        if until_ms is not None:
            self._wait(self._store.requeue_expired(session_id, lease_until_ms=until_ms))

    @rule(session_id=any_session)
    def wake(self, session_id: str) -> None:
        self._wait(self._store.wake(session_id))

    @rule(session_id=st.sampled_from(("s2", "s3")))
    def leave(self, session_id: str) -> None:
        self._wait(self._store.end(session_id, "left"))

    @rule()
    def replicate(self) -> None:
        """What a lagging replica of Redis has, or the file of an hour ago."""
        found = self._wait(self._redis.keys("*"))
        self._copy = {key: self._wait(self._redis.dump(key)) for key in found}

    @rule(is_empty=st.booleans())
    def lose_writes(self, is_empty: bool) -> None:
        self._wait(self._redis.flushall())
        for key, value in ({} if is_empty else self._copy).items():
            self._wait(self._redis.restore(key, 3_600_000, value))

    @invariant()
    def every_session_is_where_it_will_be_found(self) -> None:
        for session_id, (status, *_, waits, is_leased, is_watched) in self._poll().items():
            assert waits == (status == b"queued"), (session_id, status)
            assert is_leased == (status in OWNED), (session_id, status)
            assert is_watched == (status not in (None, b"ended")), (session_id, status)

    @invariant()
    def one_owner_at_most_has_the_key_of_the_record(self) -> None:
        for session_id, (_, epoch, link_key, *_) in self._poll().items():
            leases = [o.lease for o in self._owners if o.session_id == session_id]
            known = [(str(lease.epoch).encode(), lease.link_key.encode()) for lease in leases]
            assert known.count((epoch, link_key)) <= 1

    def teardown(self) -> None:
        """The storm is over: each session has one owner, or nobody waits for it."""
        try:
            self._settle()
        finally:
            self._wait(self._redis.aclose())
            self._runner.close()

    def _settle(self) -> None:
        for owner in (*self._owners, *self._owners):
            if owner in self._owners:
                self._hold(owner)
        for session_id, until_ms in self._wait(self._store.leases()).items():
            if not any(owner.session_id == session_id for owner in self._owners):
                self._wait(self._store.requeue_expired(session_id, lease_until_ms=until_ms))
        for session_id in self._wait(self._store.waiting()):
            self._acquire(session_id)
        for session_id in SESSIONS:
            owners = [o for o in self._owners if o.session_id == session_id]
            assert len(owners) == (self._status(session_id) in OWNED), session_id
            assert all(self._is_in_record(owner) for owner in owners)

    def _acquire(self, session_id: str) -> None:
        self._num_leases += 1
        acquired = self._store.acquire(
            session_id,
            replica_id=f"r{self._num_leases}",
            frame_address="127.0.0.1:9",
            link_key=f"key{self._num_leases}",
        )
        lease = self._wait(acquired)
        assert lease is not None
        owner = HeldLease(session_id, lease)
        self._owners.append(owner)
        self._hold(owner)

    def _hold(self, owner: HeldLease) -> None:
        session_id, lease = owner.session_id, owner.lease
        fields = self._wait(self._store.renew_fields(session_id, lease))
        if not fields and owner.fields:
            known = owner.fields | {b"status": owner.status.value.encode()}
            if self._wait(self._store.restore(session_id, lease, known)):
                fields = self._wait(self._store.renew_fields(session_id, lease))
        if fields:
            owner.fields = fields
        else:
            self._owners.remove(owner)

    def _owner(self, number: int) -> HeldLease | None:
        return self._owners[number % len(self._owners)] if self._owners else None

    def _is_in_record(self, owner: HeldLease) -> bool:
        names = ["epoch", "link_key"]
        found = self._wait(self._redis.hmget(keys.session(owner.session_id), names))
        return list(found) == [str(owner.lease.epoch).encode(), owner.lease.link_key.encode()]

    def _poll(self) -> dict[str, tuple[Any, ...]]:
        """session id -> status, epoch and link key of the record; whether it is in the queue, in
        the leases, and among those that will end."""
        pipe = self._redis.pipeline()
        for session_id in SESSIONS:
            pipe.hmget(keys.session(session_id), ["status", "epoch", "link_key"])
            for index in (keys.QUEUE, keys.LEASES, keys.ENDINGS):
                pipe.zscore(index, session_id)
        found = iter(self._wait(pipe.execute()))
        return {
            session_id: (*next(found), *(next(found) is not None for _ in range(3)))
            for session_id in SESSIONS
        }

    def _status(self, session_id: str) -> bytes | None:
        status: bytes | None = self._wait(self._redis.hget(keys.session(session_id), "status"))
        return status

    def _wait(self, asked: Any) -> Any:
        async def answer() -> Any:
            return await asked

        return self._runner.run(answer())


def test_no_session_is_forgotten_and_none_has_two_owners(redis_url: str) -> None:
    LeaseStorm.url = redis_url
    run_state_machine_as_test(
        LeaseStorm,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def _record(session_id: str) -> SessionRecord:
    return SessionRecord(
        session_id=session_id,
        status=SessionStatus.QUEUED,
        world="toy",
        start=0,
        seed=1,
        created_at_ms=0,
    )
