"""A browser plays through a real ingest process: frames, notes, owner changes, player locks."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.ingest import action_gate
from services.wire.action import Action
from services.wire.frame import Kind
from services.wire.session import Lease, SessionStatus
from tests.services.ingest.ingest_kit import (
    Browser,
    FakeReplica,
    RunningIngest,
    browser,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]


@pytest_asyncio.fixture
async def replica() -> AsyncIterator[FakeReplica]:
    async with FakeReplica() as replica:
        yield replica


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowers the limits so that a slow machine can exceed the limits; test_ingest_gate tests the
    real limits."""
    monkeypatch.setattr(action_gate, "BURST_ACTIONS", 10)
    monkeypatch.setattr(action_gate, "MAX_ACTIONS_PER_S", 0.01)
    monkeypatch.setattr(action_gate, "MAX_STRIKES", 20)
    monkeypatch.setattr(action_gate, "STRIKES_PER_S", 0.01)


@pytest_asyncio.fixture
async def one(ingest: RunningIngest, replica: FakeReplica) -> AsyncIterator[Browser]:
    """A browser that plays the live session "s1" and receives frames."""
    await ingest.live("s1", replica)
    async with browser() as one:
        await ingest.join("s1", one)
        await one.until(lambda: len(one.greys) > 3)
        yield one


def is_like(grey: int, other: int) -> bool:
    return abs(grey - other) < 15


async def test_the_replicas_picture_reaches_the_browser(replica: FakeReplica, one: Browser) -> None:
    assert all(is_like(grey, replica.grey) for grey in one.greys)
    assert [hello.link_key for hello in replica.hellos] == ["key"]


async def test_every_note_carries_the_rtp_timestamp_that_the_browser_sees(one: Browser) -> None:
    await one.until(lambda: len(one.notes) > 5)
    assert {note["rtp_timestamp"] for note in one.notes} <= set(one.rtp_timestamps)
    note = one.notes[-1]
    assert note["frame_idx"] == note["action_seq"] > 0
    assert 0 <= note["stage_ms"].pop("hop") < 1000
    assert note["stage_ms"] == {"queue": 1.5, "denoise": 20.25, "decode": 4, "encode": 2}
    assert (note["speculative"], note["steps"], note["level"]) == (False, 2, 0)


async def test_a_lost_picture_asks_the_replica_for_a_keyframe(
    replica: FakeReplica, one: Browser
) -> None:
    num_asked = replica.received.count(Kind.KEYFRAME)
    await one.lose_picture()
    await replica.until(lambda: replica.received.count(Kind.KEYFRAME) == num_asked + 1)


async def test_what_the_player_can_receive_reaches_the_replica(
    replica: FakeReplica, one: Browser
) -> None:
    await one.estimate_bitrate(750_000)
    await replica.until(lambda: 750_000 in replica.bitrates)


async def test_another_owner_takes_over_under_the_same_connection(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    async with FakeReplica(replica_id="other", grey=190) as other:
        num_timestamps = len(one.rtp_timestamps)
        await ingest.store.requeue_lost("s1", epoch=replica.epoch)
        await ingest.acquire("s1", other)
        moved_at = time.monotonic()
        await one.until(lambda: is_like(one.greys[-1], other.grey))
        assert time.monotonic() - moved_at < 5  # one look a second, a link, a keyframe
        assert one.connection.connectionState == "connected"
        assert len(one.rtp_timestamps) > num_timestamps
        one.send(Action(seq=1).to_bytes())
        await one.until(lambda: bool(one.received))
        await ingest.until_actions(other.replica_id, 1)


async def test_a_lost_owner_is_told_as_moving(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    await ingest.store.requeue_lost("s1", epoch=replica.epoch, reason="replica lost")
    await one.until(lambda: {"type": "moving", "reason": "replica lost"} in one.received)


async def test_an_action_reaches_the_owners_stream(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    actions = [Action(held=seq, seq=seq).to_bytes() for seq in range(1, 6)]
    for action in actions:
        one.send(action)
    await ingest.until_actions(replica.replica_id, len(actions))
    assert await ingest.actions_of(replica.replica_id) == [("s1", a) for a in actions]


async def test_garbage_actions_harm_nobody(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    good = Action(seq=1).to_bytes()
    for message in (b"", b"x", good[:-1], good + b"x", b"\xff" * 28, b"x" * 60_000):
        one.send(message)
    one.channels["input"].send("text")
    one.send(good)
    await ingest.until_actions(replica.replica_id, 1)
    assert await ingest.actions_of(replica.replica_id) == [("s1", good)]
    num_frames = len(one.greys)
    await one.until(lambda: len(one.greys) > num_frames + 2)


@pytest.mark.usefixtures("small_limits")
async def test_too_many_actions_are_cut_to_size_and_their_sender_is_cut_off(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    for seq in range(1, 50):
        await one.force("input", Action(seq=seq).to_bytes())
    await one.until(lambda: one.channels["input"].readyState != "open", tick_s=0.02)
    assert 0 < len(await ingest.actions_of(replica.replica_id)) <= 10  # the channel may lose some
    await one.until(lambda: {"type": "refused", "reason": "Too many actions."} in one.received)
    num_frames = len(one.greys)
    await one.until(lambda: len(one.greys) > num_frames + 2)


async def test_a_session_has_one_player_and_any_number_of_watchers(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    async with browser() as second, browser(plays=False) as watcher:
        refused = await ingest.join("s1", second)
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:nextframe:problem:seat-taken"
        assert (await ingest.join("s1", watcher)).status_code == 201
        await watcher.until(lambda: len(watcher.greys) > 3)
        assert len(replica.hellos) == 1  # one link for all of them


async def test_a_deleted_connection_frees_the_player_lock_and_the_link(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    async with browser() as second:
        assert (await ingest.http.delete(one.location)).status_code == 204
        await replica.until(lambda: not replica.links)
        assert (await ingest.join("s1", second)).status_code == 201
        await second.until(lambda: len(second.greys) > 0)


async def test_a_closed_tab_frees_the_link(replica: FakeReplica, one: Browser) -> None:
    await one.close()
    await replica.until(lambda: not replica.links)


async def test_who_waits_hears_the_place_in_line_and_then_plays(
    ingest: RunningIngest, replica: FakeReplica
) -> None:
    await ingest.queue("before")
    await ingest.queue("s1")
    async with browser() as one:
        await ingest.join("s1", one)
        await one.until(
            lambda: {"type": "status", "status": "queued", "position": 1} in one.received
        )
        await ingest.store.end("before", "done")
        await one.until(
            lambda: {"type": "status", "status": "queued", "position": 0} in one.received
        )
        await ingest.acquire("s1", replica)
        await one.until(lambda: len(one.greys) > 0)
        assert {"type": "status", "status": "live"} in one.received


async def test_a_paused_session_joins_the_line_when_its_player_offers(
    ingest: RunningIngest, replica: FakeReplica
) -> None:
    await ingest.live("s1", replica)
    await ingest.store.set_status(
        "s1", SessionStatus.PAUSED, Lease(epoch=replica.epoch, link_key="key")
    )
    async with browser(plays=False) as watcher, browser() as one:
        await ingest.join("s1", watcher)
        await ingest.join("s1", one)
        await one.until(
            lambda: {"type": "status", "status": "queued", "position": 0} in one.received
        )


async def test_an_ended_session_says_why_and_closes(
    ingest: RunningIngest, replica: FakeReplica, one: Browser
) -> None:
    await ingest.store.end("s1", "the house closes")
    await one.until(lambda: {"type": "ending", "reason": "the house closes"} in one.received)
    await replica.until(lambda: not replica.links)
    assert (await ingest.http.delete(one.location)).status_code == 404


async def test_what_the_replica_says_reaches_the_page(replica: FakeReplica, one: Browser) -> None:
    replica.send_state({"state": "level", "level": 2})
    await one.until(lambda: {"type": "level", "level": 2} in one.received)


async def test_the_player_is_marked_as_seen(ingest: RunningIngest, one: Browser) -> None:
    before = await ingest.store.get("s1")
    await one.until(lambda: one.received.count({"type": "heartbeat"}) >= 2)
    after = await ingest.store.get("s1")
    assert before is not None and after is not None
    assert after.seen_at_ms > before.seen_at_ms
    assert after.connected_at_ms > 0


async def test_who_opens_channels_without_end_is_closed(replica: FakeReplica, one: Browser) -> None:
    for number in range(10):
        one.connection.createDataChannel(f"more-{number}")
    await replica.until(lambda: not replica.links)


async def test_an_oversized_control_message_closes_the_peer(
    replica: FakeReplica, one: Browser
) -> None:
    one.channels["control"].send("x" * 20_000)
    await replica.until(lambda: not replica.links)


async def test_a_reset_reaches_the_replica_and_its_word_the_page(
    replica: FakeReplica, one: Browser
) -> None:
    for message in ("reset", "[" * 10_000, "{}", '{"type":"restart"}', '{"type":"reset"}'):
        one.channels["control"].send(message)
    await replica.until(lambda: Kind.RESET in replica.received)
    assert replica.received.count(Kind.RESET) == 1
    replica.send_state({"state": "reset"})
    await one.until(lambda: {"type": "reset"} in one.received)
