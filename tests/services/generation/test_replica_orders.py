"""A replica carries out an operator's orders: drain, undrain, move."""

import pytest

from services.backplane.orders import ReplicaOrders
from services.backplane.replicas import ReplicaRegistry
from services.generation.sessions import replica as replica_module
from services.generation.sessions.sent_away import HOLD_S, SentAway
from services.wire.session import SessionStatus
from tests.services.generation.generation_kit import eventually
from tests.services.generation.replica_kit import ReplicaBench

pytestmark = pytest.mark.redis


@pytest.fixture(autouse=True)
def quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_module, "HEARTBEAT_S", 0.05)


@pytest.mark.asyncio
async def test_a_drained_replica_gives_its_sessions_away_and_takes_none(
    bench: ReplicaBench,
) -> None:
    replica = await bench.replica(slots=2)
    registry, orders = ReplicaRegistry(bench.redis), ReplicaOrders(bench.redis)
    await bench.queue("a")
    _, link = await bench.play(replica, "a")
    await link.receive_frame()
    await orders.drain(replica.replica_id)
    assert (await link.receive_state())["state"] == "moving"
    moved = await bench.becomes("a", SessionStatus.QUEUED)
    assert await bench.store.load_snapshot("a") is not None and moved.reason

    async def is_draining() -> bool:
        [info] = await registry.all()
        return info.draining and info.slots == info.used == 0 and info.refusal == "draining"

    await eventually(is_draining)
    await replica.run_session("a")  # as Serve's router may still send it here
    await bench.becomes("a", SessionStatus.QUEUED)

    await orders.undrain(replica.replica_id)

    async def is_free() -> bool:
        [info] = await registry.all()
        return not info.draining and info.slots == 2 and not info.refusal

    await eventually(is_free)
    bench.run(replica, "a")
    assert (await bench.becomes("a", SessionStatus.LIVE)).epoch == 2


@pytest.mark.asyncio
async def test_undrain_does_not_bring_back_a_replica_that_ends(bench: ReplicaBench) -> None:
    replica = await bench.replica()
    await replica.drain()
    await ReplicaOrders(bench.redis).undrain(replica.replica_id)

    async def was_read() -> bool:
        return not await bench.redis.keys("orders:*")

    await eventually(was_read)
    assert replica.refusal == "draining"


@pytest.mark.asyncio
async def test_only_the_named_session_moves_and_it_does_not_come_back(bench: ReplicaBench) -> None:
    first = await bench.replica(slots=2)
    second = await bench.replica(slots=2)
    for name in ("stays", "goes"):
        await bench.queue(name)
        _, link = await bench.play(first, name)
        await link.receive_frame()
    await ReplicaOrders(bench.redis).move(first.replica_id, "goes")
    await bench.becomes("goes", SessionStatus.QUEUED)
    await first.run_session("goes")
    await bench.becomes("goes", SessionStatus.QUEUED)
    bench.run(second, "goes")
    record = await bench.becomes("goes", SessionStatus.LIVE)
    assert record.replica_id == second.replica_id
    stayed = await bench.becomes("stays", SessionStatus.LIVE)
    assert (stayed.replica_id, stayed.epoch) == (first.replica_id, 1)


@pytest.mark.asyncio
async def test_a_moved_session_comes_back_where_nobody_else_takes_it(bench: ReplicaBench) -> None:
    replica = await bench.replica(slots=2)
    await bench.queue("a")
    await bench.play(replica, "a")
    await ReplicaOrders(bench.redis).move(replica.replica_id, "a")
    await bench.becomes("a", SessionStatus.QUEUED)
    bench.run(replica, "a")
    assert (await bench.becomes("a", SessionStatus.LIVE)).epoch == 2


def test_what_was_sent_away_long_ago_may_come_back() -> None:
    sent = SentAway()
    sent.note("a", 100.0)
    assert sent.is_recent("a", 100.0 + HOLD_S / 2) and not sent.is_recent("b", 100.0)
    assert not sent.is_recent("a", 100.0 + HOLD_S)
