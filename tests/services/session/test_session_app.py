"""The session service over HTTP and a real Redis, as a player's page sees the service."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.guard import MAX_BODY_BYTES
from services.session.app import create_app
from services.session.service import SessionService
from services.session.settings import SessionSettings
from services.tokens import LOOK_LEEWAY_S, Tokens
from services.wire import keys
from services.wire.session import Lease, SessionStatus
from services.wire.world import WorldOffer, WorldStart

pytestmark = pytest.mark.redis

SECRET = "a secret of at least thirty-two characters"
PAGE = "http://127.0.0.1:8080"
TOY = WorldOffer(
    name="toy",
    version="1",
    width=32,
    height=32,
    fps=17.5,
    buttons=("forward", "back"),
    degrees_per_count=0.1,
    starts=tuple(WorldStart(index=i, name=f"room {i}", image="") for i in range(3)),
)


def settings(redis_url: str, **others: Any) -> SessionSettings:
    return SessionSettings(redis_url=redis_url, token_secret=SECRET, **others)


def client_of(app: FastAPI, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://session")


@pytest_asyncio.fixture
async def store(redis: Redis) -> SessionStore:
    await ReplicaRegistry(redis).publish_world(TOY)
    return SessionStore(redis)


@pytest_asyncio.fixture
async def client(redis_url: str, store: SessionStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings(redis_url, max_line=3, creations_per_minute=5, open_per_caller=9))
    async with client_of(app) as client:
        yield client


async def created(client: httpx.AsyncClient, **asked: Any) -> Any:
    answer = await client.post("/v1/sessions", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(session: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['token']}"}


def path(session: Any) -> str:
    return f"/v1/sessions/{session['id']}"


async def start(store: SessionStore, session: Any) -> Lease:
    lease = await store.acquire(
        session["id"], replica_id="r", frame_address="127.0.0.1:9", link_key="k"
    )
    assert lease is not None
    assert await store.set_status(session["id"], SessionStatus.LIVE, lease)
    return lease


def assert_problem(answer: httpx.Response, status: int, kind: str, detail: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["type"].endswith(":" + kind)
    assert detail in content["detail"]


@pytest.mark.asyncio
async def test_a_new_session_says_where_to_play_it(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    session = await created(client, world="toy", start=2, seed=5)
    assert (session["status"], session["position"]) == ("queued", 0)
    assert session["whep_url"] == f"{PAGE}/whep/{session['id']}"
    assert session["actions_url"] == f"ws://127.0.0.1:8080/v1/sessions/{session['id']}/actions"
    assert session["ice_servers"] == []
    assert datetime.fromisoformat(session["expires_at"]) > datetime.now(UTC)
    Tokens(SECRET).check(session["token"], session["id"])
    record = await store.get(session["id"])
    assert record is not None
    assert (record.world, record.start, record.seed) == ("toy", 2, 5)


@pytest.mark.asyncio
async def test_ice_servers_reach_the_page_as_it_needs_them(
    redis_url: str, store: SessionStore
) -> None:
    turn = settings(redis_url, ice_servers=("turn:t:1",), ice_username="u", ice_credential="c")
    async with client_of(create_app(turn)) as client:
        session = await created(client)
    assert session["ice_servers"] == [{"urls": ["turn:t:1"], "username": "u", "credential": "c"}]


@pytest.mark.asyncio
async def test_each_session_gets_a_turn_login_of_its_own(
    redis_url: str, store: SessionStore
) -> None:
    """cases/security.md M8: one static password for everybody made the server an open relay."""
    turn = settings(redis_url, ice_servers=("turn:t:1",), ice_secret="shared")
    async with client_of(create_app(turn)) as client:
        sessions = [await created(client) for _ in range(2)]
    logins = [session["ice_servers"][0] for session in sessions]
    assert [login["username"].partition(":")[2] for login in logins] == [
        session["id"] for session in sessions
    ]
    assert logins[0]["credential"] != logins[1]["credential"]


@pytest.mark.asyncio
async def test_who_asks_for_nothing_gets_a_random_seed(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/sessions")).status_code == 201
    seeds = {(await created(client))["seed"] for _ in range(2)}
    assert len(seeds) == 2


@pytest.mark.asyncio
async def test_the_worlds_on_offer_are_answered_whole(client: httpx.AsyncClient) -> None:
    [world] = (await client.get("/v1/worlds")).json()["worlds"]
    assert (world["name"], world["fps"], world["buttons"]) == ("toy", 17.5, ["forward", "back"])
    assert [start["index"] for start in world["starts"]] == [0, 1, 2]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("asked", "kind", "detail"),
    [
        ({"world": "mars"}, "not-on-offer", "there are toy"),
        ({"world": "toy", "start": 9}, "not-on-offer", "there are 0, 1, 2"),
        ({"start": -1}, "bad-request", "start"),
        ({"seed": "five"}, "bad-request", "seed"),
        ({"seed": 2**31}, "bad-request", "seed"),
        ({"wrold": "toy"}, "bad-request", "wrold"),
        ({"snapshot": "../etc"}, "bad-request", "snapshot"),
        ({"snapshot": "0" * 32}, "not-on-offer", "no such snapshot"),
        ([], "bad-request", ""),
    ],
)
async def test_a_wrong_wish_is_answered_with_the_right_ones(
    client: httpx.AsyncClient, asked: Any, kind: str, detail: str
) -> None:
    assert_problem(await client.post("/v1/sessions", json=asked), 422, kind, detail)


@pytest.mark.asyncio
async def test_before_any_world_is_served_there_is_nothing_to_open(redis_url: str) -> None:
    async with client_of(create_app(settings(redis_url))) as client:
        answer = await client.post("/v1/sessions")
    assert_problem(answer, 503, "no-world")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.asyncio
async def test_garbage_is_refused_and_harms_nobody(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/sessions", content=b"\xff{", headers=headers)
    assert_problem(answer, 400, "bad-request")
    answer = await client.post("/v1/sessions", content=b"{", headers=headers)
    assert_problem(answer, 422, "bad-request")
    plain = await client.post("/v1/sessions", content=b'{"seed": 1}')
    assert_problem(plain, 422, "bad-request")
    huge = b'{"world": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = await client.post("/v1/sessions", content=huge, headers=headers)
    assert_problem(answer, 413, "body-too-large")
    await created(client)


@pytest.mark.asyncio
async def test_a_full_line_says_when_to_come_back(redis_url: str, store: SessionStore) -> None:
    app = create_app(settings(redis_url, max_line=2))
    async with client_of(app) as client:
        places = [(await created(client))["position"] for _ in range(2)]
        answer = await client.post("/v1/sessions")
    assert places == [0, 1]
    assert_problem(answer, 429, "line-full")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.asyncio
async def test_one_address_cannot_take_the_whole_line(redis_url: str, store: SessionStore) -> None:
    app = create_app(settings(redis_url, creations_per_minute=2))
    async with client_of(app, "192.0.2.1") as one, client_of(app, "192.0.2.2") as other:
        for _ in range(2):
            await created(one)
        answer = await one.post("/v1/sessions")
        await created(other)
    assert_problem(answer, 429, "rate-limited")
    assert 0 < int(answer.headers["retry-after"]) <= keys.RATE_TTL_S


@pytest.mark.asyncio
async def test_one_session_is_not_asked_about_without_end(
    redis_url: str, store: SessionStore
) -> None:
    app = create_app(settings(redis_url, polls_per_minute=2))
    async with client_of(app) as client:
        one, other = await created(client), await created(client)
        statuses = [await client.get(path(one), headers=bearer(one)) for _ in range(3)]
        assert [answer.status_code for answer in statuses] == [200, 200, 429]
        assert statuses[-1].headers["retry-after"] in statuses[-1].json()["detail"]
        assert (await client.get(path(other), headers=bearer(other))).status_code == 200
        assert (await client.delete(path(one), headers=bearer(one))).status_code == 204


@pytest.mark.asyncio
async def test_a_waiting_player_sees_its_place_and_an_honest_wait(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    registry = ReplicaRegistry(redis)
    await registry.heartbeat("r", slots=2, used=2, world="toy", draining=False)
    await created(client)
    session = await created(client)
    seen = (await client.get(path(session), headers=bearer(session))).json()
    assert seen["position"] == 1
    assert "eta_s" not in seen  # nothing measured yet
    await redis.rpush(keys.LENGTHS, 60_000, 60_000, 60_000)
    seen = (await client.get(path(session), headers=bearer(session))).json()
    assert seen["eta_s"] == pytest.approx(60)
    Tokens(SECRET).check(seen["token"], session["id"])


@pytest.mark.asyncio
async def test_looking_keeps_a_place_in_line(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    session = await created(client)
    await redis.hset(keys.session(session["id"]), "seen_at_ms", "1")
    await client.get(path(session), headers=bearer(session))
    assert await store.waiting() == [session["id"]]


@pytest.mark.asyncio
async def test_a_live_session_has_no_place_and_an_ended_one_no_token(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    session = await created(client)
    lease = await start(store, session)
    seen = (await client.get(path(session), headers=bearer(session))).json()
    assert seen["status"] == "live"
    assert seen["stats"]["owners"] == 1
    assert "position" not in seen
    await store.set_status(session["id"], SessionStatus.ENDED, lease, reason="a fault")
    seen = (await client.get(path(session), headers=bearer(session))).json()
    assert (seen["status"], seen["reason"]) == ("ended", "a fault")
    assert "token" not in seen


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_a_session_is_its_players_alone(client: httpx.AsyncClient, method: str) -> None:
    mine, other = await created(client), await created(client)
    expired = {"token": Tokens(SECRET).mint(mine["id"], ttl_s=-LOOK_LEEWAY_S - 61)}
    url = path(mine) + ("/snapshot" if method == "POST" else "")
    assert_problem(await client.request(method, url), 401, "token-invalid")
    answer = await client.request(method, url, headers=bearer(expired))
    assert_problem(answer, 401, "token-invalid", "expired")
    answer = await client.request(method, url, headers=bearer(other))
    assert_problem(answer, 403, "token-foreign")


@pytest.mark.asyncio
async def test_a_page_that_slept_gets_a_fresh_token_and_nothing_else(
    client: httpx.AsyncClient,
) -> None:
    session = await created(client)
    slept = {"token": Tokens(SECRET).mint(session["id"], ttl_s=-600)}
    seen = (await client.get(path(session), headers=bearer(slept))).json()
    Tokens(SECRET).check(seen["token"], session["id"])
    answer = await client.delete(path(session), headers=bearer(slept))
    assert_problem(answer, 401, "token-invalid", "expired")


@pytest.mark.asyncio
async def test_a_session_that_is_gone_is_not_found_but_can_be_ended(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    session = await created(client)
    await redis.flushall()
    gone = await client.get(path(session), headers=bearer(session))
    assert_problem(gone, 404, "session-not-found")
    for _ in range(2):
        ended = await client.delete(path(session), headers=bearer(session))
        assert (ended.status_code, ended.content) == (204, b"")


@pytest.mark.asyncio
async def test_leaving_ends_the_session_and_frees_its_place(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    session = await created(client)
    assert (await client.delete(path(session), headers=bearer(session))).status_code == 204
    assert await store.waiting() == []
    record = await store.get(session["id"])
    assert record is not None and record.status == "ended"


@pytest.mark.asyncio
async def test_a_kept_snapshot_opens_a_session_of_its_own(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    session = await created(client, start=1, seed=5)
    lease = await start(store, session)
    url = path(session) + "/snapshot"
    early = await client.post(url, headers=bearer(session))
    assert_problem(early, 409, "no-snapshot-yet")
    await store.save_snapshot(session["id"], lease, b"here")
    saved = await client.post(url, headers=bearer(session))
    assert saved.status_code == 201
    fork = await created(client, snapshot=saved.json()["snapshot"])
    assert fork["id"] != session["id"]
    record = await store.get(fork["id"])
    assert record is not None
    assert (record.world, record.start, record.seed) == ("toy", 1, 5)
    assert await store.load_snapshot(record.snapshot_of) == b"here"


@pytest.mark.asyncio
async def test_an_ended_session_has_nothing_to_save(client: httpx.AsyncClient) -> None:
    session = await created(client)
    await client.delete(path(session), headers=bearer(session))
    answer = await client.post(path(session) + "/snapshot", headers=bearer(session))
    assert_problem(answer, 409, "session-ended")


@pytest.mark.asyncio
async def test_only_our_own_pages_may_call(client: httpx.AsyncClient) -> None:
    ours = await client.post("/v1/sessions", headers={"Origin": PAGE})
    assert ours.status_code == 201
    assert ours.headers["access-control-allow-origin"] == PAGE
    theirs = await client.post("/v1/sessions", headers={"Origin": "http://evil.example"})
    assert_problem(theirs, 403, "origin-denied")
    for origin in ("http://[", "null", ""):
        garbage = await client.post("/v1/sessions", headers={"Origin": origin})
        assert_problem(garbage, 403, "origin-denied")
    assert "access-control-allow-origin" not in theirs.headers
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert (await client.options("/v1/sessions", headers=asked)).status_code == 400


@pytest.mark.asyncio
async def test_a_page_can_read_why_it_was_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/sessions/nobody", headers={"Origin": PAGE})
    assert_problem(answer, 401, "token-invalid")
    assert answer.headers["access-control-allow-origin"] == PAGE


@pytest.mark.asyncio
async def test_answers_with_tokens_are_stored_nowhere(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/sessions")
    assert answer.headers["cache-control"] == "no-store"
    worlds = await client.get("/v1/worlds")
    assert worlds.headers["cache-control"] == "public, max-age=5"
    known = {"If-None-Match": worlds.headers["etag"]}
    assert (await client.get("/v1/worlds", headers=known)).status_code == 304


@pytest.mark.asyncio
async def test_without_redis_every_call_says_try_again(tmp_path: Any) -> None:
    app = create_app(settings(f"unix://{tmp_path}/nobody.sock"))
    async with client_of(app) as client:
        answer = await client.post("/v1/sessions")
        assert_problem(answer, 503, "backplane-away")
        assert int(answer.headers["retry-after"]) > 0
        assert await app.state.why_not_ready()
        for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.asyncio
async def test_a_sweep_ends_what_is_over_its_time(
    redis_url: str, redis: Redis, store: SessionStore, client: httpx.AsyncClient
) -> None:
    session = await created(client)
    service = SessionService(redis, settings(redis_url))
    await service.sweep()
    assert (await store.get(session["id"])).status == "queued"  # type: ignore[union-attr]
    await redis.zadd(keys.ENDINGS, {session["id"]: 1})
    await service.sweep()  # it waits: no time passes
    assert (await store.get(session["id"])).status == "queued"  # type: ignore[union-attr]
    await store.acquire(session["id"], replica_id="r", frame_address="a:1", link_key="k")
    await redis.zadd(keys.ENDINGS, {session["id"]: 1})
    await service.sweep()
    assert (await store.get(session["id"])).reason == "Your time is up."  # type: ignore[union-attr]
