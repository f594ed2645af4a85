"""WHEP by the draft and RFC 9725: discovery, methods and errors."""

import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.environment import SettingsError, read_settings
from services.ingest.settings import PREFIX, IngestSettings
from services.play.private_redis import PrivateRedis
from services.session.settings import PREFIX as SESSION_PREFIX
from services.session.settings import SessionSettings
from tests.services.ingest.ingest_kit import SECRET, RunningIngest, browser, running_ingest

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.redis]

PAGE = "https://play.example"
TURN = "turn:127.0.0.1:9?transport=udp"
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ingest(private_redis: PrivateRedis) -> AsyncIterator[RunningIngest]:
    async with running_ingest(private_redis.url, allowed_origins=(PAGE,)) as ingest:
        yield ingest


@pytest_asyncio.fixture(loop_scope="module")
async def s1(ingest: RunningIngest) -> str:
    session_id = secrets.token_hex(4)
    await ingest.queue(session_id)
    return session_id


@pytest_asyncio.fixture(loop_scope="module")
async def accepted(ingest: RunningIngest, s1: str) -> AsyncIterator[httpx.Response]:
    async with browser() as one:
        yield await ingest.post(s1, await one.offer())


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "HEAD"])
@pytest.mark.parametrize("end", ["", "/"])
async def test_the_endpoint_says_what_it_takes(
    ingest: RunningIngest, s1: str, method: str, end: str
) -> None:
    answer = await ingest.http.request(method, f"/whep/{s1}{end}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["accept-post"] == "application/sdp"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


async def test_a_connection_says_what_it_takes_while_it_lasts(
    ingest: RunningIngest, accepted: httpx.Response
) -> None:
    location = accepted.headers["location"]
    for method in ("OPTIONS", "GET", "HEAD"):
        answer = await ingest.http.request(method, location)
        assert answer.status_code == 204
        assert "PATCH" in answer.headers["allow"] and "POST" not in answer.headers["allow"]
    assert (await ingest.http.delete(location)).status_code == 204
    assert (await ingest.http.delete(location)).status_code == 404
    assert (await ingest.http.get(location)).status_code == 404


async def test_other_methods_are_refused_with_what_is_allowed(
    ingest: RunningIngest, accepted: httpx.Response, s1: str
) -> None:
    for path, methods in (
        (f"/whep/{s1}", ("PUT", "PATCH", "DELETE")),
        (accepted.headers["location"], ("PUT", "POST")),
    ):
        allowed = (await ingest.http.options(path)).headers["allow"]
        for method in methods:
            refused = await ingest.http.request(method, path)
            assert refused.status_code == 405
            assert refused.headers["allow"] == allowed and method not in allowed
            assert refused.headers["content-type"] == "application/problem+json"


async def test_an_offer_may_have_a_trailing_slash(ingest: RunningIngest, s1: str) -> None:
    async with browser() as one:
        token = ingest.tokens.mint(s1)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        answer = await ingest.http.post(f"/whep/{s1}/", content=await one.offer(), headers=headers)
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"/whep/{s1}/")


async def test_if_match_names_the_ice_session(
    ingest: RunningIngest, accepted: httpx.Response
) -> None:
    etag, location = accepted.headers["etag"], accepted.headers["location"]
    for value, status in ((etag, 204), ("*", 204), (f'"other", {etag}', 204), ('"other"', 412)):
        patch = await ingest.http.patch(
            location, content="a=end-of-candidates\r\n", headers=FRAGMENT | {"If-Match": value}
        )
        assert patch.status_code == status
    restart = "a=ice-ufrag:another\r\na=ice-pwd:anotheranotheranotheranother\r\n"
    refused = await ingest.http.patch(
        location, content=restart, headers=FRAGMENT | {"If-Match": "*"}
    )
    assert refused.status_code == 422


async def test_pages_from_elsewhere_may_use_all_of_it(
    ingest: RunningIngest, accepted: httpx.Response
) -> None:
    preflight = await ingest.http.options(
        accepted.headers["location"],
        headers={
            "Origin": PAGE,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,if-match",
        },
    )
    assert preflight.status_code == 200
    seen = await ingest.http.get(accepted.headers["location"], headers={"Origin": PAGE})
    exposed = seen.headers["access-control-expose-headers"]
    assert {"Location", "Link", "ETag"} <= set(exposed.split(", "))


async def test_ice_servers_are_told_to_who_has_a_token(private_redis: PrivateRedis) -> None:
    servers = {"ice_servers": ("stun:127.0.0.1:9", TURN), "ice_username": 'a "b"'}
    async with running_ingest(private_redis.url, ice_credential="s3cret", **servers) as ingest:
        session_id = secrets.token_hex(4)
        path = f"/whep/{session_id}"
        bearer = {"Authorization": f"Bearer {ingest.tokens.mint(session_id)}"}
        told = (await ingest.http.options(path, headers=bearer)).headers.get_list("link")
        assert told[0] == '<stun:127.0.0.1:9>; rel="ice-server"'
        assert told[1].startswith(f'<{TURN}>; rel="ice-server"; username="a \\"b\\""')
        assert 'credential="s3cret"' in told[1]
        stranger = await ingest.http.options(path)
        assert stranger.status_code == 204 and "link" not in stranger.headers
        foreign = {"Authorization": f"Bearer {ingest.tokens.mint('other')}"}
        assert (await ingest.http.options(path, headers=foreign)).status_code == 403


@pytest.mark.parametrize("url", ["https://h.example/nextframe", "https://h.example/a/b/"])
async def test_addresses_with_a_path_are_refused_at_the_start(url: str) -> None:
    """Page and `Location`s are at the root of the origin."""
    common = {"NEXTFRAME_REDIS_URL": "redis://r", "NEXTFRAME_TOKEN_SECRET": SECRET}
    with pytest.raises(SettingsError, match=r"_SESSION_INGEST_URL must be .* without a path"):
        read_settings(
            SessionSettings, SESSION_PREFIX, common | {"NEXTFRAME_SESSION_INGEST_URL": url}
        )
    with pytest.raises(SettingsError, match=r"_INGEST_SESSION_URL must be .* without a path"):
        read_settings(IngestSettings, PREFIX, common | {"NEXTFRAME_INGEST_SESSION_URL": url})
