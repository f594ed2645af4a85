"""The slot of one frame, and the chain of frames after a loss."""

import asyncio

import pytest

from services.ingest.webrtc.track import FrameTrack
from services.wire.frame import EncodedFrame
from tests.services.ingest.ingest_kit import encoded

pytestmark = pytest.mark.asyncio


class Ends:
    """Callbacks of a track."""

    def __init__(self) -> None:
        self.num_lost = 0
        self.sent: list[int] = []
        self.track = FrameTrack(on_lost=self._lost, on_sent=self._sent)

    def _lost(self) -> None:
        self.num_lost += 1

    def _sent(self, frame: EncodedFrame) -> None:
        self.sent.append(frame.frame_idx)


def key(frame_idx: int, epoch: int = 1) -> EncodedFrame:
    return encoded(b"key%d" % frame_idx, frame_idx=frame_idx, epoch=epoch)


def delta(frame_idx: int, epoch: int = 1) -> EncodedFrame:
    return encoded(b"delta%d" % frame_idx, frame_idx=frame_idx, epoch=epoch, is_key=False)


async def payload(track: FrameTrack) -> bytes:
    async with asyncio.timeout(1):
        return bytes(await track.recv())


async def assert_nothing_to_send(track: FrameTrack) -> None:
    receiving = asyncio.ensure_future(track.recv())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not receiving.done()
    receiving.cancel()


async def test_frames_go_out_in_order_when_each_is_taken() -> None:
    ends = Ends()
    for frame in (key(0), delta(1), delta(2)):
        ends.track.put(frame)
        assert await payload(ends.track) == frame.payload
    assert ends.num_lost == 0


async def test_a_frame_that_arrives_wakes_the_sender() -> None:
    ends = Ends()
    receiving = asyncio.ensure_future(ends.track.recv())
    await asyncio.sleep(0)
    ends.track.put(key(0))
    assert bytes(await receiving) == b"key0"


async def test_nothing_is_sent_before_the_first_keyframe() -> None:
    ends = Ends()
    ends.track.put(delta(0))
    await assert_nothing_to_send(ends.track)
    assert ends.num_lost == 1
    ends.track.put(key(1))
    assert await payload(ends.track) == b"key1"


async def test_a_replaced_frame_breaks_the_chain_until_the_next_keyframe() -> None:
    ends = Ends()
    ends.track.put(key(0))
    ends.track.put(delta(1))  # nobody took the first
    await assert_nothing_to_send(ends.track)
    assert ends.num_lost == 1
    ends.track.put(delta(2))
    await assert_nothing_to_send(ends.track)
    assert ends.num_lost == 2  # asked again: the first request may have been lost
    ends.track.put(key(3))
    assert await payload(ends.track) == b"key3"


async def test_a_keyframe_may_replace_a_waiting_frame() -> None:
    ends = Ends()
    ends.track.put(key(0))
    ends.track.put(key(1))
    assert await payload(ends.track) == b"key1"
    assert ends.num_lost == 0


async def test_another_owners_frames_start_with_a_keyframe() -> None:
    ends = Ends()
    ends.track.put(key(0))
    await payload(ends.track)
    ends.track.put(delta(1, epoch=2))
    await assert_nothing_to_send(ends.track)
    assert ends.num_lost == 1
    ends.track.put(key(2, epoch=2))
    assert await payload(ends.track) == b"key2"


async def test_a_frame_is_reported_once_it_has_been_sent() -> None:
    ends = Ends()
    ends.track.put(key(0))
    await payload(ends.track)
    assert ends.sent == []
    await assert_nothing_to_send(ends.track)  # the sender comes back when all packets have left
    assert ends.sent == [0]


async def test_times_grow_even_when_the_clock_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends()
    monkeypatch.setattr("services.ingest.webrtc.track.time.monotonic", lambda: 0.0)
    times = []
    for frame_idx in range(3):
        ends.track.put(key(frame_idx))
        times.append((await ends.track.recv()).pts or 0)
    assert times[0] < times[1] < times[2]
