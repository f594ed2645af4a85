"""Sessions without browsers: records in Redis with players always present.

Reads sessions and replicas twice a second.
"""

import time
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from services.backplane.connection import Client
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.wire.session import SessionRecord, SessionStatus

WAITING = (SessionStatus.QUEUED, SessionStatus.STARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The fleet at `at_s` seconds. `lost`: sessions ended or paused by no player."""

    at_s: float
    replicas: int
    draining: int
    slots: int
    used: int
    waiting: int
    live: int
    lost: int


@dataclass(slots=True)
class FakePlayers:
    """Owns the sessions of a run."""

    redis: Client
    world: str
    samples: list[Sample] = field(default_factory=list)
    records: dict[str, SessionRecord] = field(default_factory=dict)
    gaps_s: dict[str, list[float]] = field(default_factory=dict)  # without a replica, after a move
    _started_s: float = field(default_factory=time.monotonic)
    _live: "dict[str, _Live]" = field(default_factory=dict)

    async def join(self, number: int) -> None:
        store = SessionStore(self.redis)
        for _ in range(number):
            session_id = f"s{len(self.gaps_s):02d}"
            record = SessionRecord(
                session_id=session_id,
                status=SessionStatus.QUEUED,
                world=self.world,
                start=0,
                seed=len(self.gaps_s) + 1,
                created_at_ms=0,
            )
            await store.create(record, max_queued=99)
            self.records[session_id] = record
            self.gaps_s[session_id] = []

    async def leave(self, session_ids: list[str]) -> None:
        for session_id in session_ids:
            del self.records[session_id]
            await SessionStore(self.redis).end(session_id, "enough")

    async def look(self) -> Sample:
        """Every player shows a sign. Returns the new sample."""
        store = SessionStore(self.redis)
        for session_id in self.records:
            await store.mark_seen(session_id, is_connected=True)
            if record := await store.get(session_id):
                self._note(session_id, record)
                self.records[session_id] = record
        replicas = await ReplicaRegistry(self.redis).all()
        statuses = [record.status for record in self.records.values()]
        sample = Sample(
            at_s=round(time.monotonic() - self._started_s, 2),
            replicas=len(replicas),
            draining=sum(replica.draining for replica in replicas),
            slots=sum(replica.slots for replica in replicas if not replica.draining),
            used=sum(replica.used for replica in replicas),
            waiting=sum(status in WAITING for status in statuses),
            live=sum(status is SessionStatus.LIVE for status in statuses),
            lost=sum(s in (SessionStatus.ENDED, SessionStatus.PAUSED) for s in statuses),
        )
        self.samples.append(sample)
        return sample

    def on_distinct_replicas(self) -> list[str]:
        """One session of each replica."""
        by_replica = {record.replica_id: name for name, record in self.records.items()}
        return sorted(by_replica.values())

    def report(self) -> dict[str, Any]:
        return {
            "samples": [asdict(sample) for sample in self.samples],
            "moves": sum(len(gaps) for gaps in self.gaps_s.values()),
            "gaps_s": {name: gaps for name, gaps in self.gaps_s.items() if gaps},
        }

    def _note(self, session_id: str, record: SessionRecord) -> None:
        """Times a move, from the last look at the old owner to the first look at the new owner."""
        if record.status is not SessionStatus.LIVE:
            return
        now, before = time.monotonic(), self._live.get(session_id)
        if before is not None and before.epoch != record.epoch:
            self.gaps_s[session_id].append(round(now - before.at_s, 2))
        self._live[session_id] = _Live(now, record.epoch)


class _Live(NamedTuple):
    """A session was live at `at_s`, under the owner of `epoch`."""

    at_s: float
    epoch: int
