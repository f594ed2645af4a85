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
    """What the calls reach: each takes the lease, and lasts until the test ends or kills it."""

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


class Office:
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
                session_id=session_id, status=SessionStatus.QUEUED, world=world, start=0, seed=1,
                created_at_ms=0, world_digest=version,
            )  # fmt: skip
            await self.store.create(record, max_line=9)

    async def dispatch(self) -> list[str]:
        """Who was sent to a replica by one look at the line."""
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
async def office(redis: Redis) -> AsyncIterator[Office]:
    office = Office(redis)
    yield office
    office.dispatcher.stop()


async def test_the_line_goes_to_free_slots_in_order(office: Office) -> None:
    await office.queue("a", "b", "c")
    assert await office.dispatch() == []
    await office.beat(slots=2)
    assert await office.dispatch() == ["a", "b"]
    assert await office.dispatch() == []
    office.replicas.finish("a")
    await asyncio.sleep(0)
    assert await office.dispatch() == ["c"]


async def test_who_is_not_there_is_passed_over_and_keeps_its_place(office: Office) -> None:
    await office.beat(slots=1)
    await office.queue("away", "there")
    await office.redis.hincrby(keys.session("away"), "seen_at_ms", -PRESENT_MS - 1000)
    assert await office.dispatch() == ["there"]
    office.replicas.finish("there")
    await asyncio.sleep(0)
    assert await office.dispatch() == []
    assert await office.store.position("away") == 0
    await office.store.mark_seen("away")
    assert await office.dispatch() == ["away"]


async def test_slots_that_heartbeats_report_as_used_are_not_free(office: Office) -> None:
    """As after a restart of the dispatcher, whose predecessor's sessions live on."""
    await office.beat(slots=2, used=2)
    await office.queue("a")
    assert await office.dispatch() == []


async def test_draining_replicas_and_other_clusters_have_no_slots_for_us(office: Office) -> None:
    await office.beat(slots=2, draining=True)
    await office.beat(slots=2, name="g2-r")
    await office.queue("a")
    assert await office.dispatch() == []


async def test_a_world_nobody_serves_holds_up_no_other(office: Office) -> None:
    await office.beat(slots=1)
    await office.queue("a", world="elsewhere")
    await office.queue("b")
    assert await office.dispatch() == ["b"]
    assert await office.store.position("a") == 0


def of_two_worlds(office: Office) -> Dispatcher:
    """Lane g1 plays world w, lane g2 world v: as `services.generation` with two worlds."""
    return Dispatcher(office.redis, dict.fromkeys(("g1-", "g2-"), office.replicas.run_session))


async def test_a_full_world_holds_up_no_player_of_a_free_one(office: Office) -> None:
    office.dispatcher = of_two_worlds(office)
    await office.beat(slots=1)
    await office.beat(slots=1, name="g2-r", world="v")
    await office.queue("w1", "w2", "w3")
    assert await office.dispatch() == ["w1"]
    await office.queue("v1", "v2", world="v")
    assert await office.dispatch() == ["v1"]
    office.replicas.finish("v1")
    await asyncio.sleep(0)
    assert await office.dispatch() == ["v2"]
    office.replicas.finish("w1")
    await asyncio.sleep(0)
    assert await office.dispatch() == ["w2"]


async def test_a_free_slot_of_one_world_is_none_of_another(office: Office) -> None:
    office.dispatcher = of_two_worlds(office)
    await office.beat(slots=1)
    await office.beat(slots=4, name="g2-r", world="v")
    await office.queue("w1", "w2")
    assert await office.dispatch() == ["w1"]
    assert await office.dispatch() == []


async def test_two_versions_of_one_world_may_be_lanes_of_one_dispatcher(office: Office) -> None:
    office.dispatcher = of_two_worlds(office)
    await office.beat(slots=1, world_digest="old")
    await office.beat(slots=1, name="g2-r", world_digest="new")
    await office.queue("a", "b", version="new")
    assert await office.dispatch() == ["a"]
    assert await office.dispatch() == []  # the old version's slot is not for b


async def test_who_waits_for_a_full_world_costs_no_read_of_its_record(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long queue of one world beside a free slot of another one, seven times a second."""
    office.dispatcher = of_two_worlds(office)
    await office.beat(slots=1)
    await office.beat(slots=1, name="g2-r", world="v")
    await office.queue("a", "b", "c", "d")
    assert await office.dispatch() == ["a"]
    read: list[str] = []
    get = SessionStore.get

    async def count(store: SessionStore, session_id: str) -> SessionRecord | None:
        read.append(session_id)
        return await get(store, session_id)

    monkeypatch.setattr(SessionStore, "get", count)
    await office.dispatcher.serve_queue()
    assert read == []


async def test_a_session_waits_for_its_own_version_wherever_it_is_served(office: Office) -> None:
    await office.beat(slots=2, world_digest="new")
    await office.beat(slots=2, name="g2-r", world_digest="old")
    await office.queue("a", version="old")
    await office.queue("b", version="new")
    assert await office.dispatch() == ["b"]


async def test_a_released_version_whose_replicas_are_gone_is_waited_for(office: Office) -> None:
    await ReleaseStore(office.redis).put(Release(world="w", current="new", previous="old"))
    await office.beat(slots=2, world_digest="new")
    await office.queue("a", version="old")
    assert await office.dispatch() == []
    await office.beat(slots=2, world_digest="old")
    assert await office.dispatch() == ["a"]


async def test_a_version_that_is_gone_for_good_does_not_keep_its_sessions_waiting(
    office: Office,
) -> None:
    await ReleaseStore(office.redis).put(Release(world="w", current="new"))
    await office.beat(slots=2, world_digest="new")
    await office.queue("a", version="ancient")
    assert await office.dispatch() == ["a"]


async def test_a_session_of_a_dead_replica_is_first_in_line_at_once(office: Office) -> None:
    await office.beat(slots=1)
    await office.queue("a", "b")
    assert await office.dispatch() == ["a"]
    office.replicas.kill("a")

    async def is_first() -> bool:
        return await office.store.position("a") == 0

    await eventually(is_first)
    await asyncio.sleep(patience.FIRST_PAUSE_S)
    assert await office.dispatch() == ["a"]
    record = await office.store.get("a")
    assert record is not None and record.epoch == 2


async def test_a_session_that_comes_back_is_not_sent_again_at_once(office: Office) -> None:
    """It lets others by, and waits longer each time."""
    called_at: list[float] = []

    async def fail(session_id: str) -> None:
        called_at.append(asyncio.get_running_loop().time())
        raise ConnectionError("the actor died")

    await office.beat(slots=1)
    await office.queue("a")
    dispatcher = office.make(fail)
    ends = asyncio.get_running_loop().time() + 2.5
    while asyncio.get_running_loop().time() < ends:
        await dispatcher.serve_queue()
        await asyncio.sleep(0.01)
    gaps = [after - before for before, after in pairwise(called_at)]
    assert 2 <= len(gaps) <= 3
    assert all(gap >= n * patience.FIRST_PAUSE_S for gap, n in zip(gaps, (1, 2, 4), strict=False))
    assert await office.store.position("a") == 0


async def test_who_must_wait_lets_others_by(office: Office) -> None:
    await office.beat(slots=1)
    await office.queue("a", "b")
    office.dispatcher._patience.note_return("a", time.monotonic())
    assert await office.dispatch() == ["b"]


async def test_a_call_that_nobody_answers_is_tried_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/drills.md B2: a replica that is being ended takes no call, and refuses none."""
    monkeypatch.setattr(dispatcher_module, "TAKE_S", 0.1)
    called: list[str] = []

    async def hang_once(session_id: str) -> None:
        called.append(session_id)
        if len(called) == 1:
            await asyncio.Event().wait()
        await office.replicas.run_session(session_id)

    await office.beat(slots=1)
    await office.queue("a")
    dispatcher = office.make(hang_once)

    async def is_played() -> bool:
        await dispatcher.serve_queue()
        record = await office.store.get("a")
        return record is not None and record.status is SessionStatus.STARTING

    await eventually(is_played)
    assert called == ["a", "a"]
    await asyncio.sleep(0.3)
    assert len(dispatcher._calls) == 1  # who has taken it has all the time of the world
    dispatcher.stop()


async def test_a_version_is_charged_with_the_sessions_it_lost(office: Office) -> None:
    await office.beat(slots=1, world_digest="new")
    await office.queue("a", version="new")
    await office.dispatch()
    office.replicas.kill("a")
    figures = VersionFigures(office.redis)

    async def is_charged() -> bool:
        return await figures.read("new") == {"lost": 1}

    await eventually(is_charged)


async def test_a_call_that_fails_late_does_not_touch_the_new_owner(office: Office) -> None:
    await office.beat(slots=1)
    await office.queue("a")
    await office.dispatch()
    await office.store.requeue_lost("a", epoch=1)
    assert (await office.replicas.acquire("a")) == Lease(
        epoch=2, link_key="k"
    )  # another cluster's replica was faster
    office.replicas.kill("a")
    await until(lambda: not office.dispatcher._calls["g1-"])
    record = await office.store.get("a")
    assert record is not None and record.status is SessionStatus.STARTING


async def test_an_owner_that_stops_renewing_is_lost(office: Office) -> None:
    await office.queue("a")
    await office.replicas.acquire("a")
    for _ in range(1 + POLLS_PER_LEASE):
        assert await office.store.position("a") is None
        await office.dispatcher.recover_lost()
    assert await office.store.position("a") == 0


async def test_an_owner_that_renews_is_not_lost(office: Office) -> None:
    await office.queue("a")
    lease = await office.replicas.acquire("a")
    assert lease is not None
    for _ in range(3 * POLLS_PER_LEASE):
        await office.dispatcher.recover_lost()
        await asyncio.sleep(0.002)  # Redis' clock has milliseconds
        assert await office.store.renew("a", lease) is not None
    assert await office.store.position("a") is None


async def test_a_lease_counts_from_the_first_good_poll_after_an_outage(
    office: Office, redis_url: str
) -> None:
    """cases/security.md M1, cluster.md B3: the first poll must not beat the owner's renewal."""
    await office.queue("a")
    lease = await office.replicas.acquire("a")
    assert lease is not None
    for _ in range(POLLS_PER_LEASE):
        await office.dispatcher.recover_lost()
    with outage(redis_url):
        for _ in range(3):
            with pytest.raises(BackplaneError):
                await office.dispatcher.recover_lost()
    for _ in range(POLLS_PER_LEASE):
        await office.dispatcher.recover_lost()
        assert await office.store.position("a") is None
    assert await office.store.renew("a", lease) is not None
    assert await office.store.position("a") is None


async def test_a_jump_of_redis_clock_loses_nobody(office: Office) -> None:
    await office.queue("a")
    lease = await office.replicas.acquire("a")
    assert lease is not None
    await office.redis.zadd(keys.LEASES, {"a": 1})  # as if an hour had passed since
    await office.dispatcher.recover_lost()
    assert await office.store.renew("a", lease) is not None


async def test_it_runs_until_it_is_stopped(office: Office) -> None:
    running = asyncio.create_task(office.dispatcher.run())
    await office.beat(slots=1)
    await office.queue("a")
    await until(lambda: office.replicas.called == ["a"])
    office.dispatcher.stop()
    await running
