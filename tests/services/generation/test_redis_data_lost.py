"""Redis comes back without its data: replicas write the records of their sessions again."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from services.wire import keys
from services.wire.session import SessionStatus
from tests.services.generation.generation_kit import eventually
from tests.services.generation.replica_kit import ReplicaBench

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


async def test_a_session_goes_on_over_the_same_link(bench: ReplicaBench, redis: Redis) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    before, link = await bench.play(replica, "s1")
    await _is_saved(bench)
    frame_idx = (await link.receive_frame()).frame_idx

    await redis.flushall()
    await _is_saved(bench)
    after = await bench.store.get("s1")
    assert after is not None and after.status is SessionStatus.LIVE
    assert (after.epoch, after.link_key) == (before.epoch, before.link_key)
    assert await redis.zscore(keys.LEASES, "s1") and await redis.zscore(keys.ENDINGS, "s1")
    for _ in range(3):
        frame_idx, before_idx = (await link.receive_frame()).frame_idx, frame_idx
        assert frame_idx > before_idx


async def test_old_data_of_an_earlier_owner_gives_way(bench: ReplicaBench, redis: Redis) -> None:
    old, new = await bench.replica(), await bench.replica()
    await bench.queue("s1")
    await bench.play(old, "s1")
    data: Any = await redis.dump(keys.session("s1"))
    await old.drain()
    record, _ = await bench.play(new, "s1")
    await _is_saved(bench)

    await redis.flushall()
    await redis.restore(keys.session("s1"), 3_600_000, data)
    await redis.zadd(keys.LEASES, {"s1": 1})

    async def is_back() -> bool:
        now = await bench.store.get("s1")
        return now is not None and now.epoch == record.epoch == 2

    await eventually(is_back)
    assert "s1" in bench.engines[1].sessions


async def test_a_session_that_has_ended_in_the_old_data_ends(
    bench: ReplicaBench, redis: Redis
) -> None:
    replica = await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    data: Any = await redis.dump(keys.session("s1"))
    await redis.restore(keys.session("s1"), 3_600_000, data, replace=True)
    await redis.hset(keys.session("s1"), mapping={"status": "ended", "epoch": 0})
    await asyncio.gather(*bench.calls)
    assert bench.engines[0].sessions == {}


async def test_a_drain_right_after_the_loss_loses_no_world(
    bench: ReplicaBench, redis: Redis
) -> None:
    replica, other = await bench.replica(), await bench.replica()
    await bench.queue("s1")
    await bench.play(replica, "s1")
    await _is_saved(bench)
    await redis.flushall()
    assert await replica.drain()
    record = await bench.becomes("s1", SessionStatus.QUEUED)
    assert await bench.store.load_snapshot("s1")
    assert (await bench.play(other, "s1"))[0].epoch == record.epoch + 1


async def _is_saved(bench: ReplicaBench) -> None:
    async def is_saved() -> bool:
        return await bench.store.load_snapshot("s1") is not None

    await eventually(is_saved)
