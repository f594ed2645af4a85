"""A replica's sessions from queue to exit, with a real Redis, real sockets and real video."""

import time
from dataclasses import replace

import pytest

from services.backplane.actions import ActionWriter
from services.backplane.player_lock import PlayerLock
from services.backplane.releases import VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.generation.frames.frame_loop import FrameLoop
from services.generation.sessions import absence
from services.wire.action import Action
from services.wire.frame import EncodedFrame, Kind
from services.wire.session import SessionStatus
from tests.services.generation.generation_kit import LinkClient, eventually, until
from tests.services.generation.replica_kit import LISTING, SPEC, ReplicaBench

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def test_a_queued_session_goes_live_and_its_frames_arrive(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    record, link = await bench.play(replica, "s1")
    assert (record.epoch, record.replica_id) == (1, replica.replica_id)
    frames = [await link.receive_frame() for _ in range(3)]
    assert frames[0].is_key and {frame.epoch for frame in frames} == {1}
    assert frames[0].frame_idx < frames[1].frame_idx < frames[2].frame_idx


async def test_an_action_reaches_the_next_frames(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    record, link = await bench.play(replica, "s1")
    writer = ActionWriter(bench.redis)
    await writer.append(record.replica_id, "s1", Action(held=1, seq=7).to_bytes())
    while (await link.receive_frame()).action_seq != 7:
        pass
    await writer.aclose()
    assert SPEC.action_space.vector(1, 0, 0) in bench.engines[0].actions["s1"]


async def test_the_replica_says_what_it_holds_and_offers(bench: ReplicaBench) -> None:
    replica = await bench.replica(slots=2)
    registry = ReplicaRegistry(bench.redis)
    [info] = await registry.all()
    assert (info.replica_id, info.slots, info.used, info.draining) == (
        replica.replica_id,
        2,
        0,
        False,
    )
    assert await registry.worlds() == [LISTING]
    await bench.queue("s1")
    await bench.play(replica, "s1")

    async def is_counted() -> bool:
        return (await registry.all())[0].used == 1

    await eventually(is_counted)
    assert await replica.why_not_ready() == ""


async def test_ending_a_session_frees_its_slot_and_tells_its_player(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")
    await bench.store.end("s1", "you left")
    assert await link.receive_state() == {"state": "ending", "reason": "you left"}
    assert await link.is_closed()
    await bench.calls[0]
    assert replica.num_free == 2
    assert bench.engines[0].sessions == {}


async def test_a_full_replica_takes_no_more(bench: ReplicaBench) -> None:
    replica = await bench.replica(slots=1)
    await bench.queue("s1")
    await bench.queue("s2")
    await bench.play(replica, "s1")
    await replica.run_session("s2")
    assert await bench.store.position("s2") == 0


async def test_a_replica_below_its_lowest_level_takes_no_more(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await bench.replica(slots=2)
    monkeypatch.setattr(FrameLoop, "refuses_sessions", True)
    await bench.queue("s1")
    await replica.run_session("s1")
    assert await bench.store.position("s1") == 0
    registry = ReplicaRegistry(bench.redis)

    async def offers_nothing() -> bool:
        return (await registry.all())[0].slots == 0

    await eventually(offers_nothing)


async def test_a_session_of_another_world_stays_in_line(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1", world="elsewhere")
    await replica.run_session("s1")
    assert await bench.store.position("s1") == 0


async def test_without_a_player_the_world_pauses_and_then_goes_on(bench: ReplicaBench) -> None:
    replica = await bench.replica(absent_s=0.3)
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")
    await bench.store.mark_seen("s1", is_connected=True)
    assert (await link.receive_state())["state"] == "paused"
    paused = await bench.becomes("s1", SessionStatus.PAUSED)
    assert "lost sight" in paused.reason
    num_generated = len(bench.engines[0].actions["s1"])

    assert await bench.store.wake("s1")
    record, link = await bench.play(replica, "s1")
    assert record.epoch == 2
    assert (await link.receive_frame()).frame_idx > num_generated


async def test_a_turn_that_nobody_comes_to_is_short(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "ARRIVE_S", 0.2)
    replica = await bench.replica()
    await bench.queue("s1")
    _, link = await bench.play(replica, "s1")
    assert (await link.receive_state())["state"] == "paused"
    await bench.becomes("s1", SessionStatus.PAUSED)


async def test_who_only_looks_does_not_keep_a_slot(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks and offers win a slow page time, but no more than that."""
    monkeypatch.setattr(absence, "ARRIVE_S", 0.3)
    monkeypatch.setattr(absence, "CONNECT_S", 1.2)
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    began_s = time.monotonic()

    async def is_over() -> bool:
        await bench.store.mark_seen("s1")
        record = await bench.store.get("s1")
        return record is not None and record.status is SessionStatus.PAUSED

    await eventually(is_over)
    assert time.monotonic() - began_s > 1.0


async def test_a_closed_tab_pauses_the_world_sooner(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "LEFT_S", 0.1)
    replica = await bench.replica()
    await bench.queue("s1")
    player_lock = PlayerLock(bench.redis)
    await player_lock.take("s1", "the player")
    _, watcher = await bench.play(replica, "s1")
    await bench.store.mark_seen("s1", is_connected=True)
    await watcher.receive_frame()
    await player_lock.release("s1", "the player")
    assert (await watcher.receive_state())["state"] == "paused"
    await bench.becomes("s1", SessionStatus.PAUSED)


async def test_a_page_that_comes_back_keeps_its_world_awake(
    bench: ReplicaBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "LEFT_S", 0.5)
    replica = await bench.replica()
    await bench.queue("s1")
    player_lock = PlayerLock(bench.redis)
    await player_lock.take("s1", "before")
    _, link = await bench.play(replica, "s1")
    await bench.store.mark_seen("s1", is_connected=True)
    await player_lock.release("s1", "before")
    await player_lock.take("s1", "after")
    first = (await link.receive_frame()).frame_idx
    while (await link.receive_frame()).frame_idx < first + 40:  # 0.8 s of the world's time
        pass


async def test_a_drained_replica_loses_no_world(bench: ReplicaBench) -> None:
    old, new = await bench.replica(), await bench.replica()
    await bench.queue("s1")
    _, link = await bench.play(old, "s1")
    await link.receive_frame()
    assert await old.drain()
    assert (await link.receive_state())["state"] == "moving"
    assert await old.why_not_ready()
    await old.run_session("s1")  # takes nothing any more
    assert await bench.store.position("s1") == 0

    num_generated = len(bench.engines[0].actions["s1"])
    record, link = await bench.play(new, "s1")
    assert (record.epoch, record.replica_id) == (2, new.replica_id)
    assert (await link.receive_frame()).frame_idx > num_generated


async def test_an_owner_that_lost_its_lease_stops(bench: ReplicaBench) -> None:
    old, new = await bench.replica(), await bench.replica()
    await bench.queue("s1")
    await bench.play(old, "s1")
    assert await bench.store.requeue_lost("s1", epoch=1)  # somebody thought it was dead
    record, link = await bench.play(new, "s1")
    await bench.calls[0]
    assert bench.engines[0].sessions == {}
    assert record.epoch == 2 and (await link.receive_frame()).epoch == 2
    await bench.becomes("s1", SessionStatus.LIVE)


async def test_a_redis_that_comes_back_empty_ends_no_world(bench: ReplicaBench) -> None:
    """cases/drills.md B7: the world was whole in the replica, and was thrown away."""
    replica = await bench.replica()
    await bench.queue("s1")
    before, link = await bench.play(replica, "s1")

    async def is_renewed() -> bool:
        record = await bench.store.get("s1")
        return record is not None and record.lease_until_ms > before.lease_until_ms

    async def has_snapshot() -> bool:
        return await bench.store.load_snapshot("s1") is not None

    await eventually(is_renewed)
    seen = (await link.receive_frame()).frame_idx
    await bench.redis.flushall()
    await eventually(is_renewed)
    after = await bench.becomes("s1", SessionStatus.LIVE)
    assert (after.epoch, after.replica_id) == (before.epoch, replica.replica_id)
    assert (await link.receive_frame()).frame_idx > seen
    await eventually(has_snapshot)


async def test_a_session_that_fails_goes_back_to_the_line_alone(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    for session_id in ("s1", "s2"):
        await bench.queue(session_id)
    await bench.play(replica, "s1")
    _, link = await bench.play(replica, "s2")
    bench.engines[0].failing = {"s1"}
    await bench.calls[0]
    assert await bench.store.position("s1") == 0
    first = (await link.receive_frame()).frame_idx
    assert (await link.receive_frame()).frame_idx > first
    await replica.check()


async def test_a_start_that_does_not_exist_ends_the_session(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1", start=99)
    await replica.run_session("s1")
    record = await bench.becomes("s1", SessionStatus.ENDED)
    assert "could not be started" in record.reason


@pytest.mark.parametrize("blob", [b"", b"garbage", bytes(5 * 2**20)])
async def test_a_damaged_snapshot_ends_the_session_and_nothing_else(
    bench: ReplicaBench, blob: bytes
) -> None:
    replica = await bench.replica()
    await bench.queue("s1", snapshot_of="kept")
    await bench.redis.set("snapshot:kept", blob)
    await replica.run_session("s1")
    record = await bench.becomes("s1", SessionStatus.ENDED)
    assert "damaged" in record.reason
    await replica.check()


async def test_a_snapshot_of_another_world_ends_the_session_with_another_reason(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica()
    await bench.save_snapshot("kept", frame_idx=500)
    bench.engines[0].spec = replace(SPEC, name="another")
    await bench.queue("s1", snapshot_of="kept")
    await replica.run_session("s1")
    assert "replaced" in (await bench.becomes("s1", SessionStatus.ENDED)).reason


async def test_a_fork_whose_source_is_gone_begins_nowhere_else(bench: ReplicaBench) -> None:
    """cases/drills.md B9: it began at the world's start, without a word."""
    replica = await bench.replica()
    await bench.queue("s1", snapshot_of="gone")
    await replica.run_session("s1")
    assert "is gone" in (await bench.becomes("s1", SessionStatus.ENDED)).reason


async def test_a_reset_without_the_source_changes_nothing(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.save_snapshot("kept", frame_idx=500)
    await bench.queue("s1", snapshot_of="kept")
    _, link = await bench.play(replica, "s1")
    await bench.redis.delete("snapshot:kept")
    link.send(Kind.RESET)
    said = await link.receive_state()
    assert said["state"] == "notice" and "no longer kept" in str(said["reason"])
    assert (await link.receive_frame()).frame_idx > 500
    await bench.becomes("s1", SessionStatus.LIVE)


async def test_a_fork_begins_where_the_kept_world_was(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.save_snapshot("kept", frame_idx=500)
    await bench.queue("s1", snapshot_of="kept")
    _, link = await bench.play(replica, "s1")
    assert (await link.receive_frame()).frame_idx > 500


async def reset_at(bench: ReplicaBench, link: LinkClient, frame_idx: int) -> EncodedFrame:
    """A frame from soon after a reset that the player asks for at this frame."""
    await bench.store.mark_seen("s1", is_connected=True)
    while (await link.receive_frame()).frame_idx < frame_idx:
        pass
    link.send(Kind.RESET)
    assert await link.receive_state() == {"state": "reset"}
    for _ in range(4):  # those were on their way
        await link.receive_frame()
    return await link.receive_frame()


async def test_a_reset_begins_the_world_anew_under_the_same_lease(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1", start=0, seed=9)
    record, link = await bench.play(replica, "s1")
    frame = await reset_at(bench, link, 80)
    assert frame.frame_idx < 80 and frame.epoch == record.epoch
    await bench.becomes("s1", SessionStatus.LIVE)


async def test_a_reset_fork_begins_anew_where_it_was_forked(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.save_snapshot("kept", frame_idx=500)
    await bench.queue("s1", snapshot_of="kept")
    _, link = await bench.play(replica, "s1")
    assert 500 < (await reset_at(bench, link, 580)).frame_idx < 580


async def test_a_snapshot_is_saved_while_it_plays(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")

    async def is_saved() -> bool:
        return await bench.store.load_snapshot("s1") is not None

    await eventually(is_saved)


async def test_a_session_belongs_to_the_version_that_plays_it_and_is_counted_there(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    record, _ = await bench.play(replica, "s1")
    assert record.world_digest == "first"
    figures = VersionFigures(bench.redis)

    async def is_counted() -> bool:
        return (await figures.read("first")).get("frames", 0) > 0

    await eventually(is_counted)
    bench.engines[0].failing = {"s1"}
    await bench.calls[0]
    counted = await figures.read("first")
    assert (counted["sessions"], counted["failed"]) == (1, 1)
    assert counted["played_ms"] > 0


async def test_stopping_leaves_no_thread_behind(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    threads = replica._renderer._threads
    await replica.stop()
    bench.replicas.remove(replica)
    await until(lambda: not any(thread.is_alive() for thread in threads))
    assert await bench.store.position("s1") == 0
