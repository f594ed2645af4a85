"""Replicas with a real Redis, real sockets and real video; only the frames are numbers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from services.backplane.sessions import SessionStore
from services.generation.sessions.replica import Replica
from services.generation.settings import GenerationSettings
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldOffer
from tests.fakes import FakeEngine, make_spec
from tests.services.generation.generation_kit import LinkClient, eventually

SPEC = make_spec(fps=50.0)
LISTING = WorldOffer(
    name=SPEC.name,
    version=SPEC.version,
    width=SPEC.width,
    height=SPEC.height,
    fps=SPEC.fps,
    buttons=SPEC.action_space.buttons,
    degrees_per_count=0.1,
    starts=(),
    digest="first",
)


@dataclass(slots=True)
class ReplicaBench:
    """Redis, replicas with fake engines, and the links to the replicas."""

    url: str
    redis: Redis
    store: SessionStore
    replicas: list[Replica] = field(default_factory=list)
    engines: list[FakeEngine] = field(default_factory=list)
    calls: list[asyncio.Task[None]] = field(default_factory=list)
    links: list[LinkClient] = field(default_factory=list)

    async def replica(self, *, engine: FakeEngine | None = None, **settings: Any) -> Replica:
        engine = engine or FakeEngine(SPEC)
        chosen: dict[str, Any] = {"slots": 2, "drain_s": 5.0, "encoder": "x264"} | settings
        replica = Replica(GenerationSettings(redis_url=self.url, **chosen), SPEC, engine, LISTING)
        await replica.start()
        self.replicas.append(replica)
        self.engines.append(engine)
        return replica

    async def queue(self, session_id: str, **fields: Any) -> None:
        chosen: dict[str, Any] = {"world": SPEC.name, "start": 0, "seed": 1} | fields
        record = SessionRecord(
            session_id=session_id, status=SessionStatus.QUEUED, created_at_ms=0, **chosen
        )
        assert await self.store.create(record, max_queued=9) is not None

    def run(self, replica: Replica, session_id: str) -> asyncio.Task[None]:
        call = asyncio.create_task(replica.run_session(session_id))
        self.calls.append(call)
        return call

    async def play(self, replica: Replica, session_id: str) -> tuple[SessionRecord, LinkClient]:
        """Runs the session on the replica. Returns the live record and a link."""
        self.run(replica, session_id)
        record = await self.becomes(session_id, SessionStatus.LIVE)
        link = await LinkClient.connect(record)
        self.links.append(link)
        return record, link

    async def save_snapshot(self, snapshot_id: str, *, frame_idx: int) -> None:
        """Stores a snapshot of another session at frame `frame_idx`."""
        engine = FakeEngine(SPEC)
        engine.open("elsewhere", start=0, seed=1)
        engine.sessions["elsewhere"] = frame_idx
        snapshot = engine.snapshot("elsewhere", last_action_seq=3)
        await self.redis.set(f"snapshot:{snapshot_id}", snapshot.to_bytes())

    async def becomes(self, session_id: str, status: SessionStatus) -> SessionRecord:
        async def has_become() -> bool:
            record = await self.store.get(session_id)
            assert record is not None
            return record.status is status

        await eventually(has_become)
        record = await self.store.get(session_id)
        assert record is not None
        return record


@asynccontextmanager
async def open_bench(redis_url: str, redis: Redis) -> AsyncIterator[ReplicaBench]:
    """A bench whose replicas, calls and links end with the context."""
    bench = ReplicaBench(redis_url, redis, SessionStore(redis))
    yield bench
    for replica in bench.replicas:
        await replica.stop()
    await asyncio.gather(*bench.calls)
    for link in bench.links:
        await link.close()
