"""What an operator sees and does over HTTP, with a real Redis."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.backplane import blocks
from services.backplane.orders import Orders, ReplicaOrders
from services.backplane.replicas import ReplicaRegistry
from services.backplane.sessions import SessionStore
from services.session.app import create_app
from services.session.settings import SessionSettings
from services.wire import keys
from services.wire.capacity import CapacityCurve
from tests.services.session.test_session_app import SECRET, TOY, client_of, created, settings, start

pytestmark = pytest.mark.redis

TOKEN = "an operator's token of thirty-two characters"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
CURVE = CapacityCurve(period_s=0.05, ticks_s=((1, 0.01), (4, 0.03)))


@pytest_asyncio.fixture
async def store(redis: Redis) -> SessionStore:
    await ReplicaRegistry(redis).publish_world(TOY)
    return SessionStore(redis)


@pytest_asyncio.fixture
async def client(redis_url: str, store: SessionStore) -> AsyncIterator[httpx.AsyncClient]:
    limits = {"creations_per_minute": 99, "open_per_caller": 99}
    async with client_of(create_app(settings(redis_url, operator_token=TOKEN, **limits))) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(f"/v1/operator/{path}", params=query, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(client: httpx.AsyncClient, path: str, body: Any = None) -> httpx.Response:
    return await client.post(f"/v1/operator/{path}", json=body, headers=OPERATOR)


PATHS = ("status", "setup", "sessions", "replicas", "blocks")


@pytest.mark.asyncio
@pytest.mark.parametrize("path", PATHS)
async def test_nobody_without_the_token_is_answered(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer " + TOKEN[:-1]}, {"Authorization": TOKEN}):
        answer = await client.get(f"/v1/operator/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:nextframe:problem:token-invalid"


@pytest.mark.asyncio
@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_in_the_settings_the_calls_do_not_exist(
    redis_url: str, store: SessionStore, path: str
) -> None:
    async with client_of(create_app(settings(redis_url))) as client:
        for token in ("", TOKEN):
            headers = {"Authorization": f"Bearer {token}"}
            assert (await client.get(f"/v1/operator/{path}", headers=headers)).status_code == 404


def test_a_short_token_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="operator_token"):
        SessionSettings(redis_url="redis://h", token_secret="s" * 32, operator_token="short")


@pytest.mark.asyncio
async def test_sessions_are_listed_page_by_page(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    sessions = [await created(client) for _ in range(7)]
    # All end in the same millisecond: pages must not rely on distinct times.
    await redis.zadd(keys.ENDINGS, {session["id"]: 5_000_000_000_000 for session in sessions})
    seen: list[str] = []
    after = ""
    for size in (3, 3, 1):
        page = await get(client, "sessions", limit=3, after=after)
        assert len(page["sessions"]) == size
        seen += [session["id"] for session in page["sessions"]]
        await store.end(seen[0], "over")  # one that was shown already goes meanwhile
        after = page.get("next", "")
    assert after == "" and sorted(seen) == sorted(session["id"] for session in sessions)


@pytest.mark.asyncio
async def test_a_session_is_shown_with_its_owner_and_its_address(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    held, waiting = await created(client), await created(client)
    await start(store, held)
    page = await get(client, "sessions", status="live")
    [shown] = page["sessions"]
    assert (shown["id"], shown["replica_id"], shown["address"]) == (held["id"], "r", "192.0.2.1")
    assert shown["owners"] == 1 and shown["held_s"] >= 0 and "reason" not in shown
    [other] = (await get(client, "sessions", status="queued", world="toy"))["sessions"]
    assert other["id"] == waiting["id"] and "replica_id" not in other
    assert (await get(client, "sessions", world="other"))["sessions"] == []


@pytest.mark.asyncio
async def test_a_page_that_nobody_gave_out_is_refused(client: httpx.AsyncClient) -> None:
    for after in ("x", "12", "12.", ".a", "-1.a"):
        answer = await client.get(
            "/v1/operator/sessions", params={"after": after}, headers=OPERATOR
        )
        assert answer.status_code == 422 and "after" in answer.json()["detail"], after


@pytest.mark.asyncio
async def test_replicas_are_listed_with_what_they_measured(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    registry = ReplicaRegistry(redis)
    for name in ("b", "a", "c"):
        await registry.heartbeat(
            name, slots=4, used=1, world="toy", draining=name == "c", capacity=CURVE
        )
    first = await get(client, "replicas", limit=2)
    last = await get(client, "replicas", limit=2, after=first["next"])
    assert [replica["id"] for replica in first["replicas"] + last["replicas"]] == ["a", "b", "c"]
    assert "next" not in last and last["replicas"][0]["draining"]
    assert first["replicas"][0]["capacity"] == {
        "period_ms": 50.0,
        "ticks_ms": {"1": 10.0, "4": 30.0},
    }


@pytest.mark.asyncio
async def test_the_status_counts_sessions_slots_and_memory(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    sessions = [await created(client) for _ in range(3)]
    await start(store, sessions[0])
    registry = ReplicaRegistry(redis)
    await registry.heartbeat("a", slots=4, used=1, world="toy", draining=False)
    await registry.heartbeat("b", slots=9, used=0, world="toy", draining=True)
    status = await get(client, "status")
    assert (status["open"], status["held"], status["paused"]) == (3, 1, 0)
    assert status["waiting"] == [{"world": "toy", "sessions": 2}]
    assert (status["replicas"], status["draining"]) == (2, 1)
    assert (status["slots"], status["used"]) == (4, 1)
    assert 0 < status["redis"]["used_bytes"] < status["redis"]["budget_bytes"]


@pytest.mark.asyncio
async def test_an_operator_ends_a_session_and_the_player_reads_why(
    client: httpx.AsyncClient, store: SessionStore
) -> None:
    session = await created(client)
    for _ in range(2):  # idempotent
        answer = await post(client, f"sessions/{session['id']}/end", {"reason": "Night, night."})
        assert answer.status_code == 204
    record = await store.get(session["id"])
    assert record is not None and record.reason == "Night, night."
    assert (await post(client, f"sessions/{'0' * 32}/end")).status_code == 404


@pytest.mark.asyncio
async def test_a_blocked_address_opens_no_session_until_the_block_ends(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    mine = await created(client)
    answer = await post(client, "blocks", {"address": "192.0.2.1", "end_sessions": True})
    assert answer.status_code == 201 and answer.json()["ended"] == 1
    assert answer.json()["address"] == "192.0.2.1"
    refused = await client.post("/v1/sessions")
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:nextframe:problem:address-blocked"
    record = await store.get(mine["id"])
    assert record is not None and record.reason == "Your address is blocked."
    await redis.delete(keys.block("192.0.2.1"))  # as Redis does at its end
    assert (await client.post("/v1/sessions")).status_code == 201
    assert (await get(client, "blocks"))["blocks"] == []
    assert await redis.smembers(keys.BLOCKS) == set()


@pytest.mark.asyncio
async def test_blocks_are_listed_and_removed(client: httpx.AsyncClient, redis: Redis) -> None:
    wanted = {"192.0.2.9": "192.0.2.9", "2001:db8::1": "2001:db8::/64"}
    wanted |= {"2001:db8:7::/48": "2001:db8:7::/48", "::ffff:192.0.2.3": "192.0.2.3"}
    for address, name in wanted.items():
        answer = await post(client, "blocks", {"address": address, "minutes": 5, "reason": "spam"})
        assert answer.json()["address"] == name
    assert 0 < await redis.ttl(keys.BLOCKS) <= 300
    first = await get(client, "blocks", limit=3)
    last = await get(client, "blocks", limit=3, after=first["next"])
    assert [block["address"] for block in last["blocks"]] == sorted(wanted.values())[3:]
    assert "next" not in last
    listed = first["blocks"]
    assert [block["address"] for block in listed] == sorted(wanted.values())[:3]
    assert {block["reason"] for block in listed} == {"spam"}
    for address in wanted:
        path = f"/v1/operator/blocks/{address}"
        assert (await client.delete(path, headers=OPERATOR)).status_code == 204
        assert (await client.delete(path, headers=OPERATOR)).status_code == 404
    assert (await get(client, "blocks"))["blocks"] == []


@pytest.mark.asyncio
async def test_a_household_and_its_provider_are_blocked_by_network(
    redis_url: str, store: SessionStore, client: httpx.AsyncClient
) -> None:
    await post(client, "blocks", {"address": "2001:db8:1::/48"})
    app = create_app(settings(redis_url))
    async with client_of(app, "2001:db8:1:2::3") as inside, client_of(app, "2001:db8:2::") as other:
        assert (await inside.post("/v1/sessions")).status_code == 403
        assert (await other.post("/v1/sessions")).status_code == 201


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["nobody", "192.0.2.0/24", "2001:db8::/32", "1.2.3", "::1%x y"])
async def test_what_is_no_address_is_not_blocked(client: httpx.AsyncClient, address: str) -> None:
    answer = await post(client, "blocks", {"address": address})
    assert answer.status_code == 422 and "address" in answer.json()["detail"]


@pytest.mark.asyncio
async def test_the_number_of_blocks_is_bounded(
    client: httpx.AsyncClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_BLOCKS", 2)
    for number in (1, 2, 2):
        answer = await post(client, "blocks", {"address": f"192.0.2.{number}"})
        assert answer.status_code == 201
    assert (await post(client, "blocks", {"address": "192.0.2.3"})).status_code == 409
    await redis.delete(keys.block("192.0.2.1"))
    assert (await post(client, "blocks", {"address": "192.0.2.3"})).status_code == 201


async def beat(redis: Redis, name: str, **state: Any) -> None:
    chosen: dict[str, Any] = {"slots": 2, "used": 0, "world": "toy", "draining": False} | state
    await ReplicaRegistry(redis).heartbeat(name, **chosen)


@pytest.mark.asyncio
async def test_a_drain_reaches_the_replica_and_is_taken_back(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    orders = ReplicaOrders(redis)
    await beat(redis, "r")
    await beat(redis, "s")
    assert (await post(client, "replicas/r/drain")).status_code == 202
    assert await orders.take("r") == Orders(drains=True)
    assert await orders.take("r") == Orders()  # once only
    assert (await post(client, "replicas/r/undrain")).status_code == 202
    assert await orders.take("r") == Orders(drains=False)
    for order in ("drain", "undrain"):
        assert (await post(client, f"replicas/gone/{order}")).status_code == 404


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "other", [{"draining": True}, {"refusal": "broken"}, {"world": "isle"}, {"world_digest": "b"}]
)
async def test_the_last_replica_of_a_version_is_drained_only_if_meant(
    client: httpx.AsyncClient, redis: Redis, other: dict[str, Any]
) -> None:
    await beat(redis, "r")
    await beat(redis, "s", **other)
    refused = await post(client, "replicas/r/drain")
    assert refused.status_code == 409 and "anyway" in refused.json()["detail"]
    assert await ReplicaOrders(redis).take("r") == Orders()
    assert (await post(client, "replicas/r/drain", {"anyway": True})).status_code == 202


@pytest.mark.asyncio
async def test_a_session_moves_where_there_is_room_only(
    client: httpx.AsyncClient, store: SessionStore, redis: Redis
) -> None:
    session = await created(client)
    path = f"sessions/{session['id']}/move"
    assert (await post(client, path)).json()["type"].endswith(":session-not-held")
    await start(store, session)
    await beat(redis, "s", used=2)
    assert (await post(client, path)).json()["type"].endswith(":no-other-replica")
    await beat(redis, "s", used=1)
    assert (await post(client, path)).status_code == 202
    assert await ReplicaOrders(redis).take("r") == Orders(moves=(session["id"],))
    assert (await post(client, f"sessions/{'0' * 32}/move")).status_code == 404


@pytest.mark.asyncio
async def test_the_setup_tells_how_redis_is_set_up_and_no_secret(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    before = await redis.config_get("save")
    await redis.config_set("maxmemory-policy", "noeviction")
    for save, persistence in (("", "none"), ("900 1", "rdb")):
        await redis.config_set("save", save)
        setup = await get(client, "setup")
        assert setup["redis"]["persistence"] == persistence
    await redis.config_set("save", before["save"] or "")
    assert setup["redis"]["eviction_policy"] == "noeviction" and setup["redis"]["role"] == "master"
    assert abs(setup["redis"]["clock_ahead_s"]) < 60 and setup["ice_servers"] == []
    assert setup["token_secret_chars"] == len(SECRET) and SECRET not in str(setup)


@pytest.mark.asyncio
async def test_the_setup_tells_when_the_file_of_the_secret_was_written(
    redis_url: str, store: SessionStore, client: httpx.AsyncClient
) -> None:
    assert (await get(client, "setup"))["token_secret_written_at"] is None
    app = create_app(settings(redis_url, operator_token=TOKEN), secret_written_s=0.0)
    async with client_of(app) as other:
        assert (await get(other, "setup"))["token_secret_written_at"] == "1970-01-01T00:00:00Z"
