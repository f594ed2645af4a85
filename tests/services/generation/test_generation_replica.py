"""A replica with a real Redis, real sockets and real video; only its frames are numbers."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane.actions import ActionWriter
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.seats import Seats
from services.backplane.sessions import SessionStore
from services.generation.frames.frame_loop import FrameLoop
from services.generation.sessions import absence, lease_keeper, live_session
from services.generation.sessions.replica import Replica
from services.generation.settings import GenerationSettings
from services.wire.action import Action
from services.wire.frame import EncodedFrame, Kind
from services.wire.session import SessionRecord, SessionStatus
from services.wire.world import WorldOffer
from tests.fakes import FakeEngine, make_spec
from tests.services.generation.generation_kit import Edge, eventually, until

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]

SPEC = make_spec(fps=50.0)
OFFER = WorldOffer(
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
class Stage:
    """Redis, and replicas that end with the test."""

    url: str
    redis: Redis
    store: SessionStore
    replicas: list[Replica] = field(default_factory=list)
    engines: list[FakeEngine] = field(default_factory=list)
    calls: list[asyncio.Task[None]] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    async def replica(self, *, engine: FakeEngine | None = None, **settings: Any) -> Replica:
        engine = engine or FakeEngine(SPEC)
        chosen: dict[str, Any] = {"slots": 2, "drain_s": 5.0, "encoder": "x264"} | settings
        replica = Replica(GenerationSettings(redis_url=self.url, **chosen), SPEC, engine, OFFER)
        await replica.start()
        self.replicas.append(replica)
        self.engines.append(engine)
        return replica

    async def queue(self, session_id: str, **fields: Any) -> None:
        chosen: dict[str, Any] = {"world": SPEC.name, "start": 0, "seed": 1} | fields
        record = SessionRecord(
            session_id=session_id, status=SessionStatus.QUEUED, created_at_ms=0, **chosen
        )
        assert await self.store.create(record, max_line=9) is not None

    def run(self, replica: Replica, session_id: str) -> asyncio.Task[None]:
        call = asyncio.create_task(replica.run_session(session_id))
        self.calls.append(call)
        return call

    async def play(self, replica: Replica, session_id: str) -> tuple[SessionRecord, Edge]:
        """The session live on the replica, and an edge linked to it."""
        self.run(replica, session_id)
        record = await self.becomes(session_id, SessionStatus.LIVE)
        edge = await Edge.of(record)
        self.edges.append(edge)
        return record, edge

    async def keep(self, snapshot_id: str, *, frame_idx: int) -> None:
        """A snapshot of somebody's world at this frame."""
        engine = FakeEngine(SPEC)
        engine.open("elsewhere", start=0, seed=1)
        engine.sessions["elsewhere"] = frame_idx
        kept = engine.snapshot("elsewhere", last_action_seq=3)
        await self.redis.set(f"snapshot:{snapshot_id}", kept.to_bytes())

    async def becomes(self, session_id: str, status: SessionStatus) -> SessionRecord:
        async def has_become() -> bool:
            record = await self.store.get(session_id)
            assert record is not None
            return record.status is status

        await eventually(has_become)
        record = await self.store.get(session_id)
        assert record is not None
        return record


@pytest_asyncio.fixture
async def stage(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    monkeypatch.setattr(lease_keeper, "RENEW_S", 0.05)
    monkeypatch.setattr(live_session, "SAVE_S", 0.05)
    stage = Stage(redis_url, redis, SessionStore(redis))
    yield stage
    for replica in stage.replicas:
        await replica.stop()
    await asyncio.gather(*stage.calls)
    for edge in stage.edges:
        await edge.close()


async def test_a_queued_session_goes_live_and_its_frames_arrive(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    record, edge = await stage.play(replica, "s1")
    assert (record.epoch, record.replica_id) == (1, replica.replica_id)
    frames = [await edge.receive_frame() for _ in range(3)]
    assert frames[0].is_key and {frame.epoch for frame in frames} == {1}
    assert frames[0].frame_idx < frames[1].frame_idx < frames[2].frame_idx


async def test_an_action_reaches_the_next_frames(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    record, edge = await stage.play(replica, "s1")
    writer = ActionWriter(stage.redis)
    await writer.append(record.replica_id, "s1", Action(held=1, seq=7).to_bytes())
    while (await edge.receive_frame()).action_seq != 7:
        pass
    await writer.aclose()
    assert SPEC.action_space.vector(1, 0, 0) in stage.engines[0].actions["s1"]


async def test_the_replica_says_what_it_holds_and_offers(stage: Stage) -> None:
    replica = await stage.replica(slots=2)
    registry = ReplicaRegistry(stage.redis)
    [info] = await registry.all()
    assert (info.replica_id, info.slots, info.used, info.draining) == (
        replica.replica_id, 2, 0, False,
    )  # fmt: skip
    assert await registry.worlds() == [OFFER]
    await stage.queue("s1")
    await stage.play(replica, "s1")

    async def is_counted() -> bool:
        return (await registry.all())[0].used == 1

    await eventually(is_counted)
    assert await replica.why_not_ready() == ""


async def test_ending_a_session_frees_its_slot_and_tells_its_player(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    _, edge = await stage.play(replica, "s1")
    await stage.store.end("s1", "you left")
    assert await edge.receive_state() == {"state": "ending", "reason": "you left"}
    assert await edge.is_closed()
    await stage.calls[0]
    assert replica.num_free == 2
    assert stage.engines[0].sessions == {}


async def test_a_full_replica_takes_no_more(stage: Stage) -> None:
    replica = await stage.replica(slots=1)
    await stage.queue("s1")
    await stage.queue("s2")
    await stage.play(replica, "s1")
    await replica.run_session("s2")
    assert await stage.store.position("s2") == 0


async def test_a_replica_below_its_lowest_level_takes_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await stage.replica(slots=2)
    monkeypatch.setattr(FrameLoop, "refuses_sessions", True)
    await stage.queue("s1")
    await replica.run_session("s1")
    assert await stage.store.position("s1") == 0
    registry = ReplicaRegistry(stage.redis)

    async def offers_nothing() -> bool:
        return (await registry.all())[0].slots == 0

    await eventually(offers_nothing)


async def test_a_session_of_another_world_stays_in_line(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1", world="elsewhere")
    await replica.run_session("s1")
    assert await stage.store.position("s1") == 0


async def test_without_a_player_the_world_pauses_and_then_goes_on(stage: Stage) -> None:
    replica = await stage.replica(absent_s=0.3)
    await stage.queue("s1")
    _, edge = await stage.play(replica, "s1")
    await stage.store.mark_seen("s1", is_connected=True)
    assert (await edge.receive_state())["state"] == "paused"
    paused = await stage.becomes("s1", SessionStatus.PAUSED)
    assert "lost sight" in paused.reason
    num_dreamt = len(stage.engines[0].actions["s1"])

    assert await stage.store.wake("s1")
    record, edge = await stage.play(replica, "s1")
    assert record.epoch == 2
    assert (await edge.receive_frame()).frame_idx > num_dreamt


async def test_a_turn_that_nobody_comes_to_is_short(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "ARRIVE_S", 0.2)
    replica = await stage.replica()
    await stage.queue("s1")
    _, edge = await stage.play(replica, "s1")
    assert (await edge.receive_state())["state"] == "paused"
    await stage.becomes("s1", SessionStatus.PAUSED)


async def test_who_only_looks_does_not_keep_a_slot(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks and offers win a slow page time, but no more than that."""
    monkeypatch.setattr(absence, "ARRIVE_S", 0.3)
    monkeypatch.setattr(absence, "CONNECT_S", 1.2)
    replica = await stage.replica()
    await stage.queue("s1")
    await stage.play(replica, "s1")
    began_s = time.monotonic()

    async def is_over() -> bool:
        await stage.store.mark_seen("s1")
        record = await stage.store.get("s1")
        return record is not None and record.status is SessionStatus.PAUSED

    await eventually(is_over)
    assert time.monotonic() - began_s > 1.0


async def test_a_closed_tab_pauses_the_world_sooner(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "LEFT_S", 0.1)
    replica = await stage.replica()
    await stage.queue("s1")
    seats = Seats(stage.redis)
    await seats.take("s1", "the player")
    _, watcher = await stage.play(replica, "s1")
    await stage.store.mark_seen("s1", is_connected=True)
    await watcher.receive_frame()
    await seats.leave("s1", "the player")
    assert (await watcher.receive_state())["state"] == "paused"
    await stage.becomes("s1", SessionStatus.PAUSED)


async def test_a_page_that_comes_back_keeps_its_world_awake(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "LEFT_S", 0.5)
    replica = await stage.replica()
    await stage.queue("s1")
    seats = Seats(stage.redis)
    await seats.take("s1", "before")
    _, edge = await stage.play(replica, "s1")
    await stage.store.mark_seen("s1", is_connected=True)
    await seats.leave("s1", "before")
    await seats.take("s1", "after")
    first = (await edge.receive_frame()).frame_idx
    while (await edge.receive_frame()).frame_idx < first + 40:  # 0.8 s of the world's time
        pass


async def test_a_drained_replica_loses_no_world(stage: Stage) -> None:
    old, new = await stage.replica(), await stage.replica()
    await stage.queue("s1")
    _, edge = await stage.play(old, "s1")
    await edge.receive_frame()
    assert await old.drain()
    assert (await edge.receive_state())["state"] == "moving"
    assert await old.why_not_ready()
    await old.run_session("s1")  # takes nothing any more
    assert await stage.store.position("s1") == 0

    num_dreamt = len(stage.engines[0].actions["s1"])
    record, edge = await stage.play(new, "s1")
    assert (record.epoch, record.replica_id) == (2, new.replica_id)
    assert (await edge.receive_frame()).frame_idx > num_dreamt


async def test_an_owner_that_lost_its_lease_stops(stage: Stage) -> None:
    old, new = await stage.replica(), await stage.replica()
    await stage.queue("s1")
    await stage.play(old, "s1")
    assert await stage.store.requeue_lost("s1", epoch=1)  # somebody thought it was dead
    record, edge = await stage.play(new, "s1")
    await stage.calls[0]
    assert stage.engines[0].sessions == {}
    assert record.epoch == 2 and (await edge.receive_frame()).epoch == 2
    await stage.becomes("s1", SessionStatus.LIVE)


async def test_a_session_that_fails_goes_back_to_the_line_alone(stage: Stage) -> None:
    replica = await stage.replica()
    for session_id in ("s1", "s2"):
        await stage.queue(session_id)
    await stage.play(replica, "s1")
    _, edge = await stage.play(replica, "s2")
    stage.engines[0].failing = {"s1"}
    await stage.calls[0]
    assert await stage.store.position("s1") == 0
    first = (await edge.receive_frame()).frame_idx
    assert (await edge.receive_frame()).frame_idx > first
    await replica.check()


async def test_a_start_that_does_not_exist_ends_the_session(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1", start=99)
    await replica.run_session("s1")
    record = await stage.becomes("s1", SessionStatus.ENDED)
    assert "could not be started" in record.reason


@pytest.mark.parametrize("blob", [b"", b"garbage", bytes(5 * 2**20)])
async def test_a_damaged_snapshot_ends_the_session_and_nothing_else(
    stage: Stage, blob: bytes
) -> None:
    replica = await stage.replica()
    await stage.queue("s1", snapshot_of="kept")
    await stage.redis.set("snapshot:kept", blob)
    await replica.run_session("s1")
    record = await stage.becomes("s1", SessionStatus.ENDED)
    assert "damaged" in record.reason
    await replica.check()


async def test_a_snapshot_of_another_world_ends_the_session_with_another_reason(
    stage: Stage,
) -> None:
    replica = await stage.replica()
    await stage.keep("kept", frame_idx=500)
    stage.engines[0].spec = replace(SPEC, name="another")
    await stage.queue("s1", snapshot_of="kept")
    await replica.run_session("s1")
    assert "replaced" in (await stage.becomes("s1", SessionStatus.ENDED)).reason


async def test_a_fork_begins_where_the_kept_world_was(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.keep("kept", frame_idx=500)
    await stage.queue("s1", snapshot_of="kept")
    _, edge = await stage.play(replica, "s1")
    assert (await edge.receive_frame()).frame_idx > 500


async def reset_at(stage: Stage, edge: Edge, frame_idx: int) -> EncodedFrame:
    """A frame from soon after a reset that the player asks for at this frame."""
    await stage.store.mark_seen("s1", is_connected=True)
    while (await edge.receive_frame()).frame_idx < frame_idx:
        pass
    edge.send(Kind.RESET)
    assert await edge.receive_state() == {"state": "reset"}
    for _ in range(4):  # those were on their way
        await edge.receive_frame()
    return await edge.receive_frame()


async def test_a_reset_begins_the_world_anew_under_the_same_lease(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1", start=0, seed=9)
    record, edge = await stage.play(replica, "s1")
    frame = await reset_at(stage, edge, 80)
    assert frame.frame_idx < 80 and frame.epoch == record.epoch
    await stage.becomes("s1", SessionStatus.LIVE)


async def test_a_reset_fork_begins_anew_where_it_was_forked(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.keep("kept", frame_idx=500)
    await stage.queue("s1", snapshot_of="kept")
    _, edge = await stage.play(replica, "s1")
    assert 500 < (await reset_at(stage, edge, 580)).frame_idx < 580


async def test_a_snapshot_is_saved_while_it_plays(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    await stage.play(replica, "s1")

    async def is_saved() -> bool:
        return await stage.store.load_snapshot("s1") is not None

    await eventually(is_saved)


async def test_a_session_belongs_to_the_version_that_plays_it_and_is_counted_there(
    stage: Stage,
) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    record, _ = await stage.play(replica, "s1")
    assert record.world_digest == "first"
    figures = VersionFigures(stage.redis)

    async def is_counted() -> bool:
        return (await figures.read("first")).get("frames", 0) > 0

    await eventually(is_counted)
    stage.engines[0].failing = {"s1"}
    await stage.calls[0]
    counted = await figures.read("first")
    assert (counted["sessions"], counted["failed"]) == (1, 1)
    assert counted["played_ms"] > 0


async def test_stopping_leaves_no_thread_behind(stage: Stage) -> None:
    replica = await stage.replica()
    await stage.queue("s1")
    await stage.play(replica, "s1")
    threads = replica._renderer._threads
    await replica.stop()
    stage.replicas.remove(replica)
    await until(lambda: not any(thread.is_alive() for thread in threads))
    assert await stage.store.position("s1") == 0
