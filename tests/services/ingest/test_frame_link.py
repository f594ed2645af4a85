"""The frame link follows the session's owner and drops frames of an older owner."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.ingest import frame_link
from services.ingest.frame_link import FrameLink, Owner
from services.wire.frame import MAX_MESSAGE_BYTES, EncodedFrame, Kind, pack
from tests.services.ingest.ingest_kit import FakeReplica, encoded

pytestmark = pytest.mark.asyncio


class Sink:
    """A frame link with everything received."""

    def __init__(self) -> None:
        self.frames: list[EncodedFrame] = []
        self.states: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.link = FrameLink("s1", on_frame=self._frame, on_state=self._state)

    async def until_frame(self, *, epoch: int) -> None:
        async with asyncio.timeout(3):
            while not any(frame.epoch == epoch for frame in self.frames):
                self.changed.clear()
                await self.changed.wait()

    def _frame(self, frame: EncodedFrame) -> None:
        self.frames.append(frame)
        self.changed.set()

    def _state(self, state: dict[str, Any]) -> None:
        self.states.append(state)
        self.changed.set()


@pytest_asyncio.fixture
async def sink() -> AsyncIterator[Sink]:
    sink = Sink()
    yield sink
    await sink.link.close()


def owner(replica: FakeReplica, epoch: int = 1) -> Owner:
    return Owner(epoch=epoch, address=replica.address, link_key="key")


async def test_it_shows_its_key_and_receives_frames(sink: Sink) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        [hello] = replica.hellos
        assert (hello.session_id, hello.epoch, hello.link_key) == ("s1", 1, "key")


async def test_following_the_same_owner_again_changes_nothing(sink: Sink) -> None:
    async with FakeReplica() as replica:
        for _ in range(3):
            await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        assert len(replica.hellos) == 1


async def test_a_newer_owner_is_followed(sink: Sink) -> None:
    async with FakeReplica() as first, FakeReplica(epoch=2) as second:
        await sink.link.follow(owner(first))
        await sink.until_frame(epoch=1)
        await sink.link.follow(owner(second, epoch=2))
        await sink.until_frame(epoch=2)
        await first.until(lambda: not first.links)


async def test_an_older_owner_is_not_followed(sink: Sink) -> None:
    async with FakeReplica(epoch=2) as newer, FakeReplica() as older:
        await sink.link.follow(owner(newer, epoch=2))
        await sink.until_frame(epoch=2)
        await sink.link.follow(owner(older, epoch=1))
        sink.frames.clear()
        await sink.until_frame(epoch=2)
        assert older.hellos == []


async def test_frames_of_a_stale_epoch_are_dropped(sink: Sink) -> None:
    async with FakeReplica(epoch=2) as replica:
        await sink.link.follow(owner(replica, epoch=2))
        await sink.until_frame(epoch=2)
        replica.write(pack(Kind.FRAME, encoded(epoch=1).to_body()))
        sink.frames.clear()
        await sink.until_frame(epoch=2)
        assert {frame.epoch for frame in sink.frames} == {2}


async def test_states_come_out(sink: Sink) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        replica.send_state({"state": "level", "level": 1})
        async with asyncio.timeout(3):
            while not sink.states:
                sink.changed.clear()
                await sink.changed.wait()
        assert sink.states == [{"state": "level", "level": 1}]


@pytest.mark.parametrize(
    "message",
    [
        struct.pack("<IB", MAX_MESSAGE_BYTES + 1, Kind.FRAME),
        struct.pack("<IB", 0, Kind.FRAME),
        pack(Kind.FRAME, b"short"),
        pack(Kind.STATE, b"{}"),
        pack(Kind.STATE, b"no json"),
        pack(Kind.HELLO),
        struct.pack("<IB", 1, 99),
    ],
)
async def test_a_replica_that_talks_nonsense_is_hung_up_on(sink: Sink, message: bytes) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        replica.write(message)
        await replica.until(lambda: not replica.links)
        assert sink.link.is_broken


async def test_a_broken_link_can_be_followed_again(sink: Sink) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        replica.write(pack(Kind.HELLO))
        await replica.until(lambda: not replica.links)
        sink.frames.clear()
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)


async def test_nobody_there_leaves_the_link_broken(sink: Sink) -> None:
    await sink.link.follow(Owner(epoch=1, address="127.0.0.1:1", link_key="key"))
    assert sink.link._task is not None
    await asyncio.wait_for(sink.link._task, 3)
    assert sink.link.is_broken


async def test_requests_for_a_keyframe_are_bundled(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_link, "KEYFRAME_INTERVAL_S", 0.1)
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        for _ in range(50):
            sink.link.request_keyframe()
        await replica.until(lambda: replica.received.count(Kind.KEYFRAME) == 1)
        sink.frames.clear()
        await sink.until_frame(epoch=1)
        sink.link.request_keyframe()
        await replica.until(lambda: replica.received.count(Kind.KEYFRAME) == 2)


async def test_resets_without_end_are_thinned_out(sink: Sink) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        for _ in range(50):
            sink.link.request_reset()
        sink.link.request_keyframe()
        await replica.until(lambda: Kind.KEYFRAME in replica.received)
        assert replica.received.count(Kind.RESET) == 1


async def test_reports_of_the_bitrate_are_thinned_out(sink: Sink) -> None:
    async with FakeReplica() as replica:
        await sink.link.follow(owner(replica))
        await sink.until_frame(epoch=1)
        for _ in range(50):
            sink.link.report_bitrate(1_000_000)
        sink.link.request_keyframe()
        await replica.until(lambda: Kind.KEYFRAME in replica.received)
        assert replica.bitrates == [1_000_000]


async def test_after_a_failover_an_older_epoch_is_followed_once_the_newer_owner_is_gone(
    sink: Sink,
) -> None:
    """Redis lost the newest lease (cases/security.md M2): epochs restart below the lost epoch."""
    async with FakeReplica(epoch=3) as forgotten:
        await sink.link.follow(owner(forgotten, epoch=3))
        await sink.until_frame(epoch=3)
    assert sink.link._task is not None
    await asyncio.wait_for(sink.link._task, 3)
    async with FakeReplica(epoch=2) as current:
        await sink.link.follow(owner(current, epoch=2))
        await sink.until_frame(epoch=2)


async def test_a_replica_that_sends_nothing_is_left_and_the_player_is_told(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """cases/security.md M4: the video stopped without a message."""
    monkeypatch.setattr(frame_link, "FRAME_TIMEOUT_S", 0.1)
    hellos: list[bytes] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(1000))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    silent = Owner(epoch=1, address=f"{host}:{port}", link_key="key")
    async with asyncio.timeout(5):
        while len(hellos) < 5:  # as the hub does, whenever the link is broken
            await sink.link.follow(silent)
            await asyncio.sleep(0.01)
    server.close()
    assert sink.states == [{"state": "unreachable", "reason": frame_link.NO_FRAMES}]
    said = [record.message for record in caplog.records if record.name == frame_link.__name__]
    assert said.count("no frames arrive") == 1

    async with FakeReplica(epoch=2) as works:
        await sink.link.follow(owner(works, epoch=2))
        await sink.until_frame(epoch=2)
        assert sink.link._num_failed == 0
