"""The dispatcher with a real Redis; the replicas behind its calls are scripted."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane.connection import BackplaneError
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import LEASE_MS, PRESENT_MS, SessionStore
from services.generation.sessions import dispatcher as dispatcher_module
from services.generation.sessions import patience
from services.generation.sessions.dispatcher import WATCH_S, Dispatcher
from services.wire import keys
from services.wire.release import Release
from services.wire.session import Lease, SessionRecord, SessionStatus
from tests.services.conftest import outage
from tests.services.generation.generation_kit import eventually, until

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]

POLLS_PER_LEASE = math.ceil(LEASE_MS / (1000 * WATCH_S))


class Replicas:
    """The targets of calls: each takes the lease and runs until the test ends or kills the
    replica."""

    def __init__(self, store: SessionStore) -> None:
        self.called: list[str] = []
        self._store = store
        self._fates: dict[str, asyncio.Future[None]] = {}

    async def run_session(self, session_id: str) -> None:
        self.called.append(session_id)
        fate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fates[session_id] = fate
        await self.acquire(session_id)
        await fate

    async def acquire(self, session_id: str) -> Lease | None:
        return await self._store.acquire(
            session_id, replica_id="g1-r", frame_address="127.0.0.1:1", link_key="k"
        )

    def finish(self, session_id: str) -> None:
        self._fates[session_id].set_result(None)

    def kill(self, session_id: str) -> None:
        self._fates[session_id].set_exception(ConnectionError("the actor died"))


class DispatcherBench:
    """A dispatcher of group g1 and everything around it."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.store = SessionStore(redis)
        self.registry = ReplicaRegistry(redis)
        self.replicas = Replicas(self.store)
        self.dispatcher = self.make(self.replicas.run_session)

    def make(self, run_session: Callable[[str], Awaitable[None]]) -> Dispatcher:
        return Dispatcher(self.redis, {"g1-": run_session})

    async def beat(self, *, slots: int, used: int = 0, name: str = "g1-r", **state: Any) -> None:
        chosen: dict[str, Any] = {"world": "w", "draining": False} | state
        await self.registry.heartbeat(name, slots=slots, used=used, **chosen)

    async def queue(self, *session_ids: str, world: str = "w", version: str = "") -> None:
        for session_id in session_ids:
            record = SessionRecord(
                session_id=session_id,
                status=SessionStatus.QUEUED,
                world=world,
                start=0,
                seed=1,
                created_at_ms=0,
                world_digest=version,
            )
            await self.store.create(record, max_queued=9)

    async def dispatch(self) -> list[str]:
        """Returns the sessions sent to a replica by one poll of the queue."""
        before = len(self.replicas.called)
        waiting = set(await self.store.waiting())
        await self.dispatcher.serve_queue()
        for _ in range(3):  # until the calls have reached the replicas
            await asyncio.sleep(0)
        called = self.replicas.called[before:]
        for session_id in waiting & set(called):

            async def has_left_line(session_id: str = session_id) -> bool:
                return await self.store.position(session_id) is None

            await eventually(has_left_line)
        return called


@pytest_asyncio.fixture
async def bench(redis: Redis) -> AsyncIterator[DispatcherBench]:
    bench = DispatcherBench(redis)
    yield bench
    bench.dispatcher.stop()


async def test_the_line_goes_to_free_slots_in_order(bench: DispatcherBench) -> None:
    await bench.queue("a", "b", "c")
    assert await bench.dispatch() == []
    await bench.beat(slots=2)
    assert await bench.dispatch() == ["a", "b"]
    assert await bench.dispatch() == []
    bench.replicas.finish("a")
    await asyncio.sleep(0)
    assert await bench.dispatch() == ["c"]


async def test_who_is_not_there_is_passed_over_and_keeps_its_place(bench: DispatcherBench) -> None:
    await bench.beat(slots=1)
    await bench.queue("away", "there")
    await bench.redis.hincrby(keys.session("away"), "seen_at_ms", -PRESENT_MS - 1000)
    assert await bench.dispatch() == ["there"]
    bench.replicas.finish("there")
    await asyncio.sleep(0)
    assert await bench.dispatch() == []
    assert await bench.store.position("away") == 0
    await bench.store.mark_seen("away")
    assert await bench.dispatch() == ["away"]


async def test_slots_that_heartbeats_report_as_used_are_not_free(bench: DispatcherBench) -> None:
    """As after a restart of the dispatcher: the sessions of the previous dispatcher live on."""
    await bench.beat(slots=2, used=2)
    await bench.queue("a")
    assert await bench.dispatch() == []


async def test_draining_replicas_and_other_clusters_have_no_slots_for_us(
    bench: DispatcherBench,
) -> None:
    await bench.beat(slots=2, draining=True)
    await bench.beat(slots=2, name="g2-r")
    await bench.queue("a")
    assert await bench.dispatch() == []


async def test_a_world_nobody_serves_holds_up_no_other(bench: DispatcherBench) -> None:
    await bench.beat(slots=1)
    await bench.queue("a", world="elsewhere")
    await bench.queue("b")
    assert await bench.dispatch() == ["b"]
    assert await bench.store.position("a") == 0


def of_two_worlds(bench: DispatcherBench) -> Dispatcher:
    """Lane g1 plays world w, lane g2 world v: as `services.generation` with two worlds."""
    return Dispatcher(bench.redis, dict.fromkeys(("g1-", "g2-"), bench.replicas.run_session))


async def test_a_full_world_holds_up_no_player_of_a_free_one(bench: DispatcherBench) -> None:
    bench.dispatcher = of_two_worlds(bench)
    await bench.beat(slots=1)
    await bench.beat(slots=1, name="g2-r", world="v")
    await bench.queue("w1", "w2", "w3")
    assert await bench.dispatch() == ["w1"]
    await bench.queue("v1", "v2", world="v")
    assert await bench.dispatch() == ["v1"]
    bench.replicas.finish("v1")
    await asyncio.sleep(0)
    assert await bench.dispatch() == ["v2"]
    bench.replicas.finish("w1")
    await asyncio.sleep(0)
    assert await bench.dispatch() == ["w2"]


async def test_a_free_slot_of_one_world_is_none_of_another(bench: DispatcherBench) -> None:
    bench.dispatcher = of_two_worlds(bench)
    await bench.beat(slots=1)
    await bench.beat(slots=4, name="g2-r", world="v")
    await bench.queue("w1", "w2")
    assert await bench.dispatch() == ["w1"]
    assert await bench.dispatch() == []


async def test_two_versions_of_one_world_may_be_lanes_of_one_dispatcher(
    bench: DispatcherBench,
) -> None:
    bench.dispatcher = of_two_worlds(bench)
    await bench.beat(slots=1, world_digest="old")
    await bench.beat(slots=1, name="g2-r", world_digest="new")
    await bench.queue("a", "b", version="new")
    assert await bench.dispatch() == ["a"]
    assert await bench.dispatch() == []  # the old version's slot is not for b


async def test_who_waits_for_a_full_world_costs_no_read_of_its_record(
    bench: DispatcherBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long queue of one world beside a free slot of another one, seven times a second."""
    bench.dispatcher = of_two_worlds(bench)
    await bench.beat(slots=1)
    await bench.beat(slots=1, name="g2-r", world="v")
    await bench.queue("a", "b", "c", "d")
    assert await bench.dispatch() == ["a"]
    read: list[str] = []
    get = SessionStore.get

    async def count(store: SessionStore, session_id: str) -> SessionRecord | None:
        read.append(session_id)
        return await get(store, session_id)

    monkeypatch.setattr(SessionStore, "get", count)
    await bench.dispatcher.serve_queue()
    assert read == []


async def test_a_session_waits_for_its_own_version_wherever_it_is_served(
    bench: DispatcherBench,
) -> None:
    await bench.beat(slots=2, world_digest="new")
    await bench.beat(slots=2, name="g2-r", world_digest="old")
    await bench.queue("a", version="old")
    await bench.queue("b", version="new")
    assert await bench.dispatch() == ["b"]


async def test_a_released_version_whose_replicas_are_gone_is_waited_for(
    bench: DispatcherBench,
) -> None:
    await ReleaseStore(bench.redis).put(Release(world="w", current="new", previous="old"))
    await bench.beat(slots=2, world_digest="new")
    await bench.queue("a", version="old")
    assert await bench.dispatch() == []
    await bench.beat(slots=2, world_digest="old")
    assert await bench.dispatch() == ["a"]


async def test_a_version_that_is_gone_for_good_does_not_keep_its_sessions_waiting(
    bench: DispatcherBench,
) -> None:
    await ReleaseStore(bench.redis).put(Release(world="w", current="new"))
    await bench.beat(slots=2, world_digest="new")
    await bench.queue("a", version="ancient")
    assert await bench.dispatch() == ["a"]


async def test_a_session_of_a_dead_replica_is_first_in_line_at_once(bench: DispatcherBench) -> None:
    await bench.beat(slots=1)
    await bench.queue("a", "b")
    assert await bench.dispatch() == ["a"]
    bench.replicas.kill("a")

    async def is_first() -> bool:
        return await bench.store.position("a") == 0

    await eventually(is_first)
    await asyncio.sleep(patience.FIRST_PAUSE_S)
    assert await bench.dispatch() == ["a"]
    record = await bench.store.get("a")
    assert record is not None and record.epoch == 2


async def test_a_session_that_comes_back_is_not_sent_again_at_once(bench: DispatcherBench) -> None:
    """The session waits longer each time, and other sessions pass."""
    called_at: list[float] = []

    async def fail(session_id: str) -> None:
        called_at.append(asyncio.get_running_loop().time())
        raise ConnectionError("the actor died")

    await bench.beat(slots=1)
    await bench.queue("a")
    dispatcher = bench.make(fail)
    ends = asyncio.get_running_loop().time() + 2.5
    while asyncio.get_running_loop().time() < ends:
        await dispatcher.serve_queue()
        await asyncio.sleep(0.01)
    gaps = [after - before for before, after in pairwise(called_at)]
    assert 2 <= len(gaps) <= 3
    assert all(gap >= n * patience.FIRST_PAUSE_S for gap, n in zip(gaps, (1, 2, 4), strict=False))
    assert await bench.store.position("a") == 0


async def test_who_must_wait_lets_others_by(bench: DispatcherBench) -> None:
    await bench.beat(slots=1)
    await bench.queue("a", "b")
    bench.dispatcher._patience.note_return("a", time.monotonic())
    assert await bench.dispatch() == ["b"]


async def test_a_call_that_nobody_answers_is_tried_again(
    bench: DispatcherBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/drills.md B2: a replica in termination neither accepts nor refuses a call."""
    monkeypatch.setattr(dispatcher_module, "TAKE_S", 0.1)
    called: list[str] = []

    async def hang_once(session_id: str) -> None:
        called.append(session_id)
        if len(called) == 1:
            await asyncio.Event().wait()
        await bench.replicas.run_session(session_id)

    await bench.beat(slots=1)
    await bench.queue("a")
    dispatcher = bench.make(hang_once)

    async def is_played() -> bool:
        await dispatcher.serve_queue()
        record = await bench.store.get("a")
        return record is not None and record.status is SessionStatus.STARTING

    await eventually(is_played)
    assert called == ["a", "a"]
    await asyncio.sleep(0.3)
    assert len(dispatcher._calls) == 1  # who has taken it has all the time of the world
    dispatcher.stop()


async def test_a_version_is_charged_with_the_sessions_it_lost(bench: DispatcherBench) -> None:
    await bench.beat(slots=1, world_digest="new")
    await bench.queue("a", version="new")
    await bench.dispatch()
    bench.replicas.kill("a")
    figures = VersionFigures(bench.redis)

    async def is_charged() -> bool:
        return await figures.read("new") == {"lost": 1}

    await eventually(is_charged)


async def test_a_call_that_fails_late_does_not_touch_the_new_owner(bench: DispatcherBench) -> None:
    await bench.beat(slots=1)
    await bench.queue("a")
    await bench.dispatch()
    await bench.store.requeue_lost("a", epoch=1)
    assert (await bench.replicas.acquire("a")) == Lease(
        epoch=2, link_key="k"
    )  # another cluster's replica was faster
    bench.replicas.kill("a")
    await until(lambda: not bench.dispatcher._calls["g1-"])
    record = await bench.store.get("a")
    assert record is not None and record.status is SessionStatus.STARTING


async def test_an_owner_that_stops_renewing_is_lost(bench: DispatcherBench) -> None:
    await bench.queue("a")
    await bench.replicas.acquire("a")
    for _ in range(1 + POLLS_PER_LEASE):
        assert await bench.store.position("a") is None
        await bench.dispatcher.recover_lost()
    assert await bench.store.position("a") == 0


async def test_an_owner_that_renews_is_not_lost(bench: DispatcherBench) -> None:
    await bench.queue("a")
    lease = await bench.replicas.acquire("a")
    assert lease is not None
    for _ in range(3 * POLLS_PER_LEASE):
        await bench.dispatcher.recover_lost()
        await asyncio.sleep(0.002)  # Redis' clock has milliseconds
        assert await bench.store.renew("a", lease) is not None
    assert await bench.store.position("a") is None


async def test_a_lease_counts_from_the_first_good_poll_after_an_outage(
    bench: DispatcherBench, redis_url: str
) -> None:
    """cases/security.md M1, cluster.md B3: the first poll must not beat the owner's renewal."""
    await bench.queue("a")
    lease = await bench.replicas.acquire("a")
    assert lease is not None
    for _ in range(POLLS_PER_LEASE):
        await bench.dispatcher.recover_lost()
    with outage(redis_url):
        for _ in range(3):
            with pytest.raises(BackplaneError):
                await bench.dispatcher.recover_lost()
    for _ in range(POLLS_PER_LEASE):
        await bench.dispatcher.recover_lost()
        assert await bench.store.position("a") is None
    assert await bench.store.renew("a", lease) is not None
    assert await bench.store.position("a") is None


async def test_a_jump_of_redis_clock_loses_nobody(bench: DispatcherBench) -> None:
    await bench.queue("a")
    lease = await bench.replicas.acquire("a")
    assert lease is not None
    await bench.redis.zadd(keys.LEASES, {"a": 1})  # as if an hour had passed since
    await bench.dispatcher.recover_lost()
    assert await bench.store.renew("a", lease) is not None


async def test_it_runs_until_it_is_stopped(bench: DispatcherBench) -> None:
    running = asyncio.create_task(bench.dispatcher.run())
    await bench.beat(slots=1)
    await bench.queue("a")
    await until(lambda: bench.replicas.called == ["a"])
    bench.dispatcher.stop()
    await running
