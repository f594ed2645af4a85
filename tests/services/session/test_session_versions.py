"""The version of a new session; running sessions stay unchanged."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane.releases import ReleaseStore
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.session import worlds
from services.session.app import create_app
from services.session.settings import SessionSettings
from services.session.worlds import STEADY, Menu
from services.wire import keys
from services.wire.release import Release
from services.wire.session import SessionStatus
from services.wire.world import WorldOffer, WorldStart


def offer(digest: str, starts: int = 2, name: str = "toy") -> WorldOffer:
    return WorldOffer(
        name=name,
        version="1",
        width=32,
        height=32,
        fps=17.5,
        buttons=("forward",),
        degrees_per_count=0.1,
        starts=tuple(WorldStart(index=i, name=str(i), image="") for i in range(starts)),
        digest=digest,
    )


CANARY = Release(world="toy", current="new", previous="old", canary="next", canary_share=0.25)


def picked(
    draw: float, *digests: str, release: Release | None = CANARY, start: int | None = None
) -> str:
    releases = {"toy": release} if release else {}
    menu = Menu(offers=[offer(digest) for digest in digests], releases=releases)
    (chosen,) = menu.for_newcomer(draw=draw, start=start)
    return chosen.digest


def test_newcomers_get_the_current_version_and_a_share_of_them_the_canary() -> None:
    served = ("next", "new", "old")
    draws = [n / 100 for n in range(100)]
    assert sum(picked(draw, *served) == "next" for draw in draws) == 25
    assert {picked(draw, *served) for draw in draws} == {"next", "new"}
    assert picked(STEADY, *served) == "new"


def test_a_version_that_nobody_serves_is_passed_over() -> None:
    assert picked(0.0, "new", "old") == "new"
    assert picked(0.9, "next", "old") == "old"


@pytest.mark.parametrize("draw", [0.0, 0.9, STEADY])
def test_a_version_that_nobody_released_is_for_no_newcomer(draw: float) -> None:
    """cases/security.md M11: an unreleased version was used while the released versions were
    away."""
    menu = Menu(offers=[offer("other"), offer("x", name="doom")], releases={"toy": CANARY})
    assert [o.name for o in menu.for_newcomer(draw=draw)] == ["doom"]
    assert menu.is_awaited("toy") and not menu.is_awaited("doom")
    assert not menu.is_awaited("unknown")


def test_without_a_release_what_is_on_offer_is_played() -> None:
    assert picked(0.0, "a", "b", release=None) == "a"


def test_a_start_that_the_canary_lacks_is_found_in_the_current_version() -> None:
    menu = Menu(offers=[offer("next", starts=1), offer("new", starts=3)], releases={"toy": CANARY})
    assert menu.for_newcomer(draw=0.0, start=2)[0].digest == "new"
    assert menu.for_newcomer(draw=0.0, start=0)[0].digest == "next"


def test_every_world_appears_once() -> None:
    offers = [offer("a", name="doom"), offer("new"), offer("next")]
    menu = Menu(offers=offers, releases={"toy": CANARY})
    assert [o.digest for o in menu.for_newcomer(draw=STEADY)] == ["a", "new"]


@pytest_asyncio.fixture
async def client(
    redis_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(worlds, "REMEMBERED_S", 0.0)
    for digest in ("new", "next"):
        await ReplicaRegistry(redis).publish_world(offer(digest))
    settings = SessionSettings(redis_url=redis_url, token_secret="s" * 32, creations_per_minute=600)
    transport = httpx.ASGITransport(create_app(settings), client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://session") as client:
        yield client


async def opened(client: httpx.AsyncClient, redis: Redis) -> tuple[Any, str]:
    """Creates a session and returns the version."""
    session = (await client.post("/v1/sessions", json={})).json()
    record = await SessionStore(redis).get(session["id"])
    assert record is not None
    return session, record.world_digest


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_session_keeps_its_version_when_another_is_promoted(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    releases = ReleaseStore(redis)
    await releases.put(Release(world="toy", current="new"))
    session, version = await opened(client, redis)
    assert version == "new"
    await releases.put(Release(world="toy", current="next", previous="new"))
    assert (await opened(client, redis))[1] == "next"
    record = await SessionStore(redis).get(session["id"])
    assert record is not None and record.world_digest == "new"
    [world] = (await client.get("/v1/worlds")).json()["worlds"]
    assert world["digest"] == "next"
    assert 0 < await redis.ttl(keys.world("toy")) <= keys.RELEASE_TTL_S


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_fork_goes_to_the_version_it_was_kept_in(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    await ReleaseStore(redis).put(Release(world="toy", current="new"))
    session, _ = await opened(client, redis)
    store = SessionStore(redis)
    lease = await store.acquire(
        session["id"], replica_id="r", frame_address="a:1", link_key="k", world_digest="new"
    )
    assert lease is not None and await store.save_snapshot(session["id"], lease, b"a world")
    bearer = {"Authorization": f"Bearer {session['token']}"}
    saved = (await client.post(f"/v1/sessions/{session['id']}/snapshot", headers=bearer)).json()
    await ReleaseStore(redis).put(Release(world="toy", current="next"))
    fork = (await client.post("/v1/sessions", json={"snapshot": saved["snapshot"]})).json()
    record = await store.get(fork["id"])
    assert record is not None and record.world_digest == "new"


@pytest.mark.redis
@pytest.mark.asyncio
async def test_while_no_released_version_is_served_newcomers_are_told_to_wait(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    await ReleaseStore(redis).put(Release(world="toy", current="away"))
    for asked in ({}, {"world": "toy"}):
        answer = await client.post("/v1/sessions", json=asked)
        assert answer.status_code == 503 and "current version" in answer.json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0
    assert (await client.get("/v1/worlds")).json()["worlds"] == []


@pytest.mark.redis
@pytest.mark.asyncio
async def test_what_an_ended_session_has_left_can_be_saved_and_opened(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    """A session that no replica could continue."""
    session, version = await opened(client, redis)
    store = SessionStore(redis)
    lease = await store.acquire(
        session["id"], replica_id="r", frame_address="a:1", link_key="k", world_digest=version
    )
    assert lease is not None and await store.save_snapshot(session["id"], lease, b"a world")
    await store.set_status(
        session["id"], SessionStatus.ENDED, lease, reason="it broke", keeps_snapshot=True
    )
    bearer = {"Authorization": f"Bearer {session['token']}"}
    saved = await client.post(f"/v1/sessions/{session['id']}/snapshot", headers=bearer)
    assert saved.status_code == 201
    fork = await client.post("/v1/sessions", json={"snapshot": saved.json()["snapshot"]})
    assert fork.status_code == 201
