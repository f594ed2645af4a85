"""The codec of a session: the player's browser decides, a watcher must support the codec."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.wire.codec import VideoCodec
from services.wire.session import SessionStatus
from tests.services.ingest.ingest_kit import (
    Browser,
    FakeReplica,
    RunningIngest,
    browser,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]

VP8 = "video/VP8"


@pytest_asyncio.fixture
async def firefox(ingest: RunningIngest, replica: FakeReplica) -> AsyncIterator[Browser]:
    """A player without H.264 that receives frames."""
    async with browser(codec=VP8) as one:
        await ingest.join("s1", one)
        await one.until(lambda: len(one.greys) > 3)
        yield one


async def test_a_browser_without_h264_plays_in_vp8(
    ingest: RunningIngest, replica: FakeReplica, firefox: Browser
) -> None:
    assert abs(firefox.greys[-1] - replica.grey) < 15
    assert [hello.codec for hello in replica.hellos] == [VideoCodec.VP8]
    await firefox.until(lambda: len(firefox.notes) > 3)
    assert {note["rtp_timestamp"] for note in firefox.notes} <= set(firefox.rtp_timestamps)


async def test_a_watcher_with_the_players_codec_sees_it(
    ingest: RunningIngest, firefox: Browser
) -> None:
    async with browser(plays=False, codec=VP8) as other:
        assert (await ingest.join("s1", other)).status_code == 201
        await other.until(lambda: len(other.greys) > 3)


async def test_a_watcher_without_the_players_codec_is_told_which_it_is(
    ingest: RunningIngest, firefox: Browser
) -> None:
    async with browser(plays=False) as other:
        refused = await ingest.join("s1", other)
    assert refused.status_code == 406
    assert refused.json()["type"] == "urn:nextframe:problem:other-codec"
    assert VP8 in refused.json()["detail"]


async def test_another_browser_takes_over_in_another_codec(
    ingest: RunningIngest, replica: FakeReplica, firefox: Browser
) -> None:
    """A watcher of the previous codec is dismissed and may offer again."""
    async with browser(plays=False, codec=VP8) as watcher, browser() as chromium:
        await ingest.join("s1", watcher)
        await firefox.close()
        await ingest.http.delete(firefox.location)
        assert (await ingest.join("s1", chromium)).status_code == 201
        await chromium.until(lambda: len(chromium.greys) > 3)
        assert replica.hellos[-1].codec is VideoCodec.H264
        gone = await ingest.http.delete(watcher.location)
        assert gone.status_code == 404


async def test_the_record_keeps_the_codec_through_other_owners(
    ingest: RunningIngest, replica: FakeReplica, firefox: Browser
) -> None:
    async with FakeReplica(replica_id="other", grey=190) as other:
        await ingest.store.requeue_lost("s1", epoch=replica.epoch)
        await ingest.acquire("s1", other)
        await firefox.until(lambda: abs(firefox.greys[-1] - other.grey) < 15)
        assert [hello.codec for hello in other.hellos] == [VideoCodec.VP8]


async def test_a_record_from_before_the_codec_is_h264(ingest: RunningIngest) -> None:
    await ingest.queue("old")
    await ingest.redis.hdel("session:old", "codec")
    record = await ingest.store.get("old")
    assert record is not None
    assert (record.codec, record.status) == (VideoCodec.H264, SessionStatus.QUEUED)
    await ingest.store.set_codec("nobody", VideoCodec.VP8)
    assert await ingest.store.get("nobody") is None
