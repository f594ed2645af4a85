"""The session store on a real Redis: queue, ownership and refusals."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from services.backplane import sessions
from services.backplane.limits import LimitError, Refusal
from services.backplane.sessions import Loss, SessionStore
from services.wire import keys
from services.wire.session import Lease, SessionRecord, SessionStatus

pytestmark = pytest.mark.redis

MANY = Loss.ONE_OF_MANY


@pytest.fixture
def store(redis: Redis) -> SessionStore:
    return SessionStore(redis)


def record(session_id: str) -> SessionRecord:
    return SessionRecord(
        session_id=session_id,
        status=SessionStatus.QUEUED,
        world="toy",
        start=2,
        seed=7,
        created_at_ms=0,
    )


async def queue(store: SessionStore, *session_ids: str) -> None:
    for session_id in session_ids:
        assert await store.create(record(session_id), max_queued=10) is not None


async def own(store: SessionStore, session_id: str, replica_id: str = "r1") -> Lease:
    lease = await store.acquire(
        session_id,
        replica_id=replica_id,
        frame_address="127.0.0.1:9",
        link_key=f"key of {replica_id}",
    )
    assert lease is not None
    return lease


async def live(store: SessionStore, session_id: str) -> Lease:
    await queue(store, session_id)
    lease = await own(store, session_id)
    assert await store.set_status(session_id, SessionStatus.LIVE, lease)
    return lease


async def status(store: SessionStore, session_id: str) -> SessionStatus:
    found = await store.get(session_id)
    assert found is not None
    return found.status


@pytest.mark.asyncio
async def test_a_new_session_waits_at_the_end_of_the_line(store: SessionStore) -> None:
    await queue(store, "a", "b", "c")
    assert await store.waiting() == ["a", "b", "c"]
    assert await store.position("c") == 2
    found = await store.get("a")
    assert found is not None
    assert (found.status, found.world, found.start, found.seed) == ("queued", "toy", 2, 7)
    assert found.created_at_ms == found.seen_at_ms > 0


@pytest.mark.asyncio
async def test_a_full_line_takes_nobody_and_leaves_nothing(store: SessionStore) -> None:
    await store.create(record("a"), max_queued=1)
    with pytest.raises(LimitError) as refused:
        await store.create(record("b"), max_queued=1)
    assert refused.value.refusal is Refusal.QUEUE_FULL
    assert await store.get("b") is None
    assert await store.waiting() == ["a"]


@pytest.mark.asyncio
async def test_creating_twice_after_a_lost_answer_is_creating_once(store: SessionStore) -> None:
    await queue(store, "a", "b")
    assert await store.create(record("b"), max_queued=10) == 1
    assert await store.waiting() == ["a", "b"]
    lease = await own(store, "a")
    await store.create(record("a"), max_queued=10)
    assert await store.waiting() == ["b"]
    assert await store.renew("a", lease) is not None


@pytest.mark.asyncio
async def test_acquiring_twice_after_a_lost_answer_is_acquiring_once(store: SessionStore) -> None:
    await queue(store, "a")
    leases = [
        await store.acquire("a", replica_id="r", frame_address="x:1", link_key=key)
        for key in ("mine", "mine", "another's")
    ]
    assert leases == [Lease(epoch=1, link_key="mine")] * 2 + [None]


@pytest.mark.asyncio
async def test_one_of_many_replicas_gets_the_session(store: SessionStore) -> None:
    await queue(store, "a")
    tries = [
        store.acquire("a", replica_id=f"r{i}", frame_address="x:1", link_key=str(i))
        for i in range(20)
    ]
    [(winner, lease)] = [
        (i, lease) for i, lease in enumerate(await asyncio.gather(*tries)) if lease
    ]
    assert lease == Lease(epoch=1, link_key=str(winner))
    found = await store.get("a")
    assert found is not None
    assert (found.status, found.replica_id, found.link_key) == (
        "starting",
        f"r{winner}",
        str(winner),
    )
    assert await store.waiting() == []


@pytest.mark.asyncio
async def test_renewing_shows_the_owner_what_others_changed(store: SessionStore) -> None:
    lease = await live(store, "a")
    before = await store.renew("a", lease)
    await asyncio.sleep(0.002)  # Redis' clock has milliseconds
    await store.mark_seen("a")
    after = await store.renew("a", lease)
    assert before is not None and after is not None
    assert after.seen_at_ms > before.seen_at_ms
    assert after.lease_until_ms > before.lease_until_ms


@pytest.mark.asyncio
async def test_an_owner_that_lost_its_session_is_refused_everywhere(store: SessionStore) -> None:
    stale = await live(store, "a")
    await store.save_snapshot("a", stale, b"before")
    assert await store.requeue("a", stale, reason="replica lost")
    fresh = await own(store, "a", "r2")
    assert fresh.epoch == stale.epoch + 1

    assert await store.renew("a", stale) is None
    assert not await store.set_status("a", SessionStatus.PAUSED, stale)
    assert not await store.save_snapshot("a", stale, b"stale")
    assert not await store.requeue("a", stale)
    assert await store.load_snapshot("a") == b"before"
    assert await status(store, "a") == "starting"


@pytest.mark.asyncio
async def test_a_status_changes_only_along_its_arrows(store: SessionStore) -> None:
    await queue(store, "a")
    lease = await own(store, "a")
    assert not await store.set_status("a", SessionStatus.PAUSED, lease)  # not live yet
    assert await store.set_status("a", SessionStatus.LIVE, lease)
    assert await store.set_status("a", SessionStatus.LIVE, lease)  # a repeated call
    assert await store.set_status("a", SessionStatus.PAUSED, lease, reason="away")
    assert not await store.set_status("a", SessionStatus.LIVE, lease)
    found = await store.get("a")
    assert found is not None
    assert (found.status, found.reason, found.replica_id, found.link_key) == (
        "paused",
        "away",
        "",
        "",
    )


@pytest.mark.asyncio
async def test_lost_sessions_go_to_the_front_and_woken_ones_to_the_end(
    store: SessionStore,
) -> None:
    lost = await live(store, "lost")
    for session_id in ("paused", "asleep"):
        lease = await live(store, session_id)
        await store.set_status(session_id, SessionStatus.PAUSED, lease)
    await queue(store, "x", "y")
    assert not await store.requeue_lost("x", epoch=0)  # nobody has it
    assert await store.requeue("lost", lost)
    for session_id in ("paused", "asleep", "paused", "x"):  # once is enough
        assert await store.wake(session_id)
    assert await store.waiting() == ["lost", "x", "y", "paused", "asleep"]


@pytest.mark.asyncio
async def test_a_world_that_loses_every_owner_is_ended(store: SessionStore) -> None:
    await queue(store, "a")
    lease = await own(store, "a", "r0")
    await store.save_snapshot("a", lease, b"frame 100")
    assert await store.requeue("a", lease, loss=MANY)  # it may be the replica's fault
    for number in range(1, 1 + sessions.MAX_LOSSES):
        assert await store.requeue("a", await own(store, "a", f"r{number}"), loss=MANY)
    assert not await store.requeue("a", await own(store, "a", "last"), loss=MANY)
    assert await status(store, "a") == "ended"
    assert await store.load_snapshot("a") == b"frame 100"


@pytest.mark.asyncio
async def test_one_replica_among_others_cannot_end_a_session(store: SessionStore) -> None:
    """cases/security.md H2: a replica that failed every session ended the whole queue."""
    await queue(store, "a")
    for _ in range(3 * sessions.MAX_LOSSES):
        assert await store.requeue("a", await own(store, "a", "broken"), loss=MANY)


@pytest.mark.asyncio
async def test_the_only_replica_is_believed_after_the_first_time(store: SessionStore) -> None:
    await queue(store, "a")
    for _ in range(1 + sessions.MAX_LOSSES):
        assert await store.requeue("a", await own(store, "a", "only"), loss=Loss.ONLY)
    assert not await store.requeue("a", await own(store, "a", "only"), loss=Loss.ONLY)
    assert await status(store, "a") == "ended"


@pytest.mark.asyncio
async def test_who_is_let_go_in_good_order_is_charged_with_nothing(store: SessionStore) -> None:
    await queue(store, "a")
    for number in range(3 * sessions.MAX_LOSSES):
        assert await store.requeue("a", await own(store, "a", f"r{number}"))


@pytest.mark.asyncio
async def test_the_snapshot_of_who_ends_stays_only_if_it_is_to_be_kept(store: SessionStore) -> None:
    for session_id, is_kept in (("a", True), ("b", False)):
        lease = await live(store, session_id)
        await store.save_snapshot(session_id, lease, b"frame 100")
        assert await store.set_status(
            session_id, SessionStatus.ENDED, lease, keeps_snapshot=is_kept
        )
        assert (await store.load_snapshot(session_id) is not None) == is_kept


@pytest.mark.asyncio
async def test_an_owner_that_lasted_is_no_loss(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SETTLED_MS", -1)
    await queue(store, "a")
    for number in range(sessions.MAX_LOSSES + 3):
        lease = await own(store, "a", f"r{number}")
        assert await store.renew("a", lease)
        assert await store.requeue("a", lease, loss=MANY)


@pytest.mark.asyncio
async def test_ending_is_idempotent_and_frees_everything(store: SessionStore, redis: Redis) -> None:
    lease = await live(store, "a")
    await store.save_snapshot("a", lease, b"world")
    assert await store.count() == 1
    assert await store.end("a", "closed by the player")
    assert await store.end("a", "again")
    assert not await store.end("nobody", "x")
    found = await store.get("a")
    assert found is not None and found.reason == "closed by the player"
    assert await store.renew("a", lease) is None
    assert not await store.save_snapshot("a", lease, b"late")
    assert await store.count() == 0
    assert set(await redis.keys()) == {keys.session("a").encode(), keys.LENGTHS.encode()}


@pytest.mark.asyncio
async def test_ending_a_waiting_session_takes_it_out_of_the_line(store: SessionStore) -> None:
    await queue(store, "a", "b")
    await store.end("a", "closed")
    assert await store.waiting() == ["b"]
    assert await store.acquire("a", replica_id="r", frame_address="x:1", link_key="k") is None


@pytest.mark.asyncio
async def test_a_lease_that_was_renewed_meanwhile_has_not_run_out(store: SessionStore) -> None:
    lease = await live(store, "a")
    seen = await store.leases()
    await asyncio.sleep(0.002)  # Redis' clock has milliseconds
    await store.renew("a", lease)
    assert not await store.requeue_expired("a", lease_until_ms=seen["a"])
    renewed = await store.leases()
    assert renewed["a"] > seen["a"]
    assert await store.requeue_expired("a", lease_until_ms=renewed["a"])
    assert await store.waiting() == ["a"] and await store.leases() == {}


@pytest.mark.asyncio
async def test_a_living_owner_takes_back_what_nobody_acquired(
    store: SessionStore, redis: Redis
) -> None:
    """cases/security.md M1: the owner's write was refused and the world was set back to the last
    save."""
    lease = await live(store, "a")
    await store.save_snapshot("a", lease, b"frame 100")
    for _ in range(sessions.MAX_LOSSES + 2):  # no such loss counts
        until_ms = (await store.leases())["a"]
        assert await store.requeue_expired(
            "a", lease_until_ms=until_ms, reason="lost", loss=Loss.ONLY
        )
        assert await store.save_snapshot("a", lease, b"frame 158")  # as it drains, before a renewal
        renewed = await store.renew("a", lease)
        assert renewed is not None
        assert (renewed.status, renewed.epoch, renewed.reason) == ("live", lease.epoch, "")
    assert await store.waiting() == [] and set(await store.leases()) == {"a"}
    assert await store.load_snapshot("a") == b"frame 158"


@pytest.mark.asyncio
async def test_what_another_acquired_is_not_taken_back(store: SessionStore) -> None:
    stale = await live(store, "a")
    assert await store.requeue_expired("a", lease_until_ms=(await store.leases())["a"])
    await own(store, "a", "r2")
    assert await store.renew("a", stale) is None
    assert not await store.save_snapshot("a", stale, b"stale")


@pytest.mark.asyncio
async def test_an_owner_that_let_a_session_go_neither_takes_it_back_nor_ends_it(
    store: SessionStore,
) -> None:
    lease = await live(store, "a")
    assert await store.requeue("a", lease)
    assert await store.renew("a", lease) is None
    assert not await store.set_status("a", SessionStatus.ENDED, lease)
    assert await store.waiting() == ["a"]


@pytest.mark.asyncio
async def test_after_a_failover_the_owner_of_the_same_epoch_is_refused(
    store: SessionStore, redis: Redis
) -> None:
    """cases/security.md M2: the newest acquire was lost, and the epoch was given again."""
    await queue(store, "a")
    copy: Any = await redis.dump(keys.session("a"))
    line: Any = await redis.zrange(keys.QUEUE, 0, -1, withscores=True)
    stale = await own(store, "a", "A")
    await store.set_status("a", SessionStatus.LIVE, stale)
    await redis.delete(keys.LEASES)  # what the lagging replica of Redis had never seen
    await redis.restore(keys.session("a"), 3_600_000, copy, replace=True)
    await redis.zadd(keys.QUEUE, dict(line))

    fresh = await own(store, "a", "B")
    assert fresh.epoch == stale.epoch
    assert await store.set_status("a", SessionStatus.LIVE, fresh)
    assert await store.renew("a", stale) is None
    assert not await store.save_snapshot("a", stale, b"A's stale world")
    assert not await store.set_status("a", SessionStatus.PAUSED, stale)
    assert not await store.requeue("a", stale)
    assert await store.renew("a", fresh) is not None
    assert await store.save_snapshot("a", fresh, b"B's world")


@pytest.mark.asyncio
async def test_an_owner_writes_the_record_again_that_redis_lost(
    store: SessionStore, redis: Redis
) -> None:
    """cases/cluster.md B4: a restart of Redis without its data ended every world."""
    lease = await live(store, "a")
    fields = await store.renew_fields("a", lease)
    before = await store.get("a")
    await redis.flushall()
    assert await store.renew("a", lease) is None
    assert await store.restore("a", lease, fields)
    after = await store.renew("a", lease)
    assert after is not None and before is not None
    assert (after.status, after.epoch, after.replica_id) == ("live", before.epoch, "r1")
    left_ms = [record.ends_at_ms - record.lease_until_ms for record in (before, after)]
    assert left_ms[0] == pytest.approx(left_ms[1], abs=2_000)  # no time was lost or won
    assert await store.leases() == {"a": after.lease_until_ms}
    assert await store.save_snapshot("a", lease, b"its world")
    assert await store.count() == 1
    assert not await store.restore("a", lease, fields)  # it is there


@pytest.mark.asyncio
async def test_old_data_gives_way_to_the_newest_owner_and_to_nobody_older(
    store: SessionStore, redis: Redis
) -> None:
    await queue(store, "a")
    copy: Any = await redis.dump(keys.session("a"))
    older = await own(store, "a", "A")
    older_fields = await store.renew_fields("a", older)
    assert await store.requeue("a", older)
    newer = await own(store, "a", "B")
    newer_fields = await store.renew_fields("a", newer)
    await redis.flushall()  # Redis comes back with what it was before both
    await redis.restore(keys.session("a"), 3_600_000, copy, replace=True)
    assert await store.restore("a", older, older_fields)
    assert await store.restore("a", newer, newer_fields)
    assert not await store.restore("a", older, older_fields)
    assert await store.renew("a", older) is None
    assert await store.renew("a", newer) is not None


@pytest.mark.asyncio
async def test_an_ended_session_is_never_restored(store: SessionStore) -> None:
    lease = await live(store, "a")
    fields = await store.renew_fields("a", lease)
    assert await store.end("a", "left")
    assert not await store.restore("a", lease, fields)
    assert await status(store, "a") == "ended"


@pytest.mark.asyncio
async def test_who_gives_no_sign_leaves_the_line(
    store: SessionStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "gone", "here", "vanished")
    await redis.delete(keys.session("vanished"))
    await redis.hset(keys.session("gone"), "seen_at_ms", "1")
    assert await store.waiting() == ["here"]
    found = await store.get("gone")
    assert found is not None
    assert (found.status, found.reason) == ("ended", "left the line")


@pytest.mark.asyncio
async def test_who_is_not_there_keeps_its_place_but_gets_no_slot(
    store: SessionStore, redis: Redis
) -> None:
    await queue(store, "away", "there")
    await redis.hincrby(keys.session("away"), "seen_at_ms", -sessions.PRESENT_MS - 1000)
    assert await store.waiting() == ["away", "there"]
    assert await store.waiting(within_ms=sessions.PRESENT_MS) == ["there"]
    await store.mark_seen("away")
    assert await store.waiting(within_ms=sessions.PRESENT_MS) == ["away", "there"]


@pytest.mark.asyncio
async def test_who_could_give_no_sign_does_not_leave_the_line(
    store: SessionStore, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage longer than a page's patience, or a clock jump, ended every queued session."""
    await queue(store, "a")
    assert await store.waiting() == ["a"]
    seen_at_ms = int(await redis.hget(keys.session("a"), "seen_at_ms") or 0)
    await redis.hset(keys.session("a"), "seen_at_ms", str(seen_at_ms - 100_000))
    await redis.hset(keys.WATCHED, "at_ms", str(seen_at_ms - 99_000))  # the last look before it
    for _ in range(3):
        await store.waiting()
        assert await status(store, "a") == "queued"
    monkeypatch.setattr(sessions, "QUEUE_PATIENCE_MS", -1)  # no sign since then, either
    await store.waiting()
    assert await status(store, "a") == "ended"


@pytest.mark.asyncio
async def test_a_sign_of_the_player_makes_no_session(store: SessionStore) -> None:
    await store.mark_seen("nobody")
    assert await store.get("nobody") is None


@pytest.mark.asyncio
async def test_sessions_end_when_their_time_is_up(store: SessionStore) -> None:
    await store.create(record("old"), max_queued=9, max_age_s=0)
    await store.create(record("young"), max_queued=9)
    await own(store, "old")
    assert await store.end_overdue("its hour is over") == ["old"]
    assert await status(store, "old") == "ended"
    assert await status(store, "young") == "queued"
    assert await store.end_overdue("again") == []


@pytest.mark.asyncio
async def test_time_in_the_queue_and_paused_time_do_not_count(
    store: SessionStore, redis: Redis
) -> None:
    """cases/cluster.md B7: 20 minutes in the queue left 10 of 30 to play."""
    await store.create(record("a"), max_queued=9, max_age_s=60)
    await redis.zadd(keys.ENDINGS, {"a": 1})  # long in the queue
    assert await store.end_overdue("over") == []
    lease = await own(store, "a")
    assert await store.set_status("a", SessionStatus.LIVE, lease)
    await redis.hincrby(keys.session("a"), "held_since_ms", -40_000)  # it has played for 40 s
    assert await store.set_status("a", SessionStatus.PAUSED, lease)
    paused = await store.get("a")
    assert paused is not None
    assert paused.played_ms == pytest.approx(40_000, abs=5_000)
    assert paused.ends_at_ms == 0
    await redis.zadd(keys.ENDINGS, {"a": 1})  # long paused
    assert await store.end_overdue("over") == []
    assert await store.wake("a")
    await own(store, "a", "r2")
    again = await store.get("a")
    assert again is not None
    assert again.ends_at_ms - again.held_since_ms == 60_000 - paused.played_ms
    assert await redis.zscore(keys.ENDINGS, "a") == again.ends_at_ms


@pytest.mark.asyncio
async def test_a_session_of_an_older_service_ends_when_it_would_have(
    store: SessionStore, redis: Redis
) -> None:
    await queue(store, "a")
    await redis.hdel(keys.session("a"), "max_age_ms")
    await redis.zadd(keys.ENDINGS, {"a": 1})
    await own(store, "a")
    assert await store.end_overdue("over") == ["a"]


@pytest.mark.asyncio
async def test_held_slots_are_measured_but_crashes_are_not(store: SessionStore) -> None:
    await store.requeue("a", await live(store, "a"))
    assert await store.lengths_s() == []
    await store.set_status("b", SessionStatus.PAUSED, await live(store, "b"))
    await live(store, "c")
    await store.end("c", "closed")
    lengths = await store.lengths_s()
    assert len(lengths) == 2
    assert all(0 <= length < 5 for length in lengths)


@pytest.mark.asyncio
async def test_every_session_key_has_a_ttl(store: SessionStore, redis: Redis) -> None:
    lease = await live(store, "a")
    await store.save_snapshot("a", lease, b"world")
    for name in (keys.session("a"), keys.snapshot("a")):
        assert 0 < await redis.ttl(name) <= keys.SESSION_TTL_S
