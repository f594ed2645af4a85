"""The HTTP interface of ingest: served files, and answers to bad callers."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.play.private_redis import PrivateRedis
from tests.services.ingest.ingest_kit import FakeReplica, RunningIngest, browser, running_ingest

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.redis]

PAGE = "https://play.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ingest(private_redis: PrivateRedis) -> AsyncIterator[RunningIngest]:
    async with running_ingest(private_redis.url, allowed_origins=(PAGE,)) as ingest:
        yield ingest


@pytest.fixture
def s1() -> str:
    """A session of this test alone; ingest is shared."""
    return secrets.token_hex(4)


@pytest_asyncio.fixture(loop_scope="module")
async def offer() -> AsyncIterator[str]:
    async with browser() as one:
        yield await one.offer()


@pytest_asyncio.fixture(loop_scope="module")
async def location(ingest: RunningIngest, offer: str, s1: str) -> str:
    """The Location of an accepted offer."""
    await ingest.queue(s1)
    response = await ingest.post(s1, offer)
    assert response.status_code == 201, response.text
    return response.headers["location"]


def assert_problem(response: httpx.Response, status: int, kind: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:nextframe:problem:{kind}"
    assert problem["status"] == status
    assert problem["detail"]


async def test_an_offer_is_answered_with_its_location(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    response = await ingest.post(s1, offer)
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/sdp"
    assert re.fullmatch(rf"/whep/{s1}/[\w-]{{20,}}", response.headers["location"])
    assert "a=candidate" in response.text


async def test_the_answer_is_h264_in_packetization_mode_1(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    answer = (await ingest.post(s1, offer)).text
    formats = re.findall(r"a=rtpmap:\d+ (\w+)/", answer)
    assert set(formats) <= {"H264", "rtx"}
    assert "packetization-mode=1" in answer


async def test_only_the_address_that_was_set_is_gathered(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    answer = (await ingest.post(s1, offer)).text
    candidates = re.findall(r"a=candidate:\S+ \d udp \d+ (\S+) ", answer)
    assert set(candidates) == {"127.0.0.1"}


async def test_an_offer_without_our_codecs_is_not_acceptable(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    response = await ingest.post(s1, offer.replace("H264/90000", "AV1/90000"))
    assert_problem(response, 406, "no-common-codec")
    taken = await ingest.post(s1, offer)  # the refused one did not take the player's place
    assert taken.status_code == 201


@pytest.mark.parametrize(
    "sdp", [b"", b"hello", b"\xff\xfe", b"v=0\r\n", b"v=0\r\nm=video 9 X 1\r\n", b"v=0\r\n" * 2000]
)
async def test_garbage_is_no_offer(ingest: RunningIngest, sdp: bytes, s1: str) -> None:
    await ingest.queue(s1)
    assert_problem(await ingest.post(s1, sdp), 400, "bad-sdp")


async def test_an_offer_of_a_megabyte_is_refused(ingest: RunningIngest, s1: str) -> None:
    await ingest.queue(s1)
    assert_problem(await ingest.post(s1, b"v=0\r\n" * 200_000), 413, "body-too-large")


async def test_a_body_that_hides_its_size_is_cut_off(ingest: RunningIngest, s1: str) -> None:
    await ingest.queue(s1)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 8192
            yield b"a=b\r\n" * 1638 + b"\r\n"

    headers = {
        "Authorization": f"Bearer {ingest.tokens.mint(s1)}",
        "Content-Type": "application/sdp",
    }
    try:
        response = await ingest.http.post(f"/whep/{s1}", content=endless(), headers=headers)
    except httpx.TransportError:
        pass  # closed while we were still writing
    else:
        assert_problem(response, 413, "body-too-large")
    assert sent < 40_000_000  # 16 MiB are read and thrown away; the rest is in buffers


async def test_a_body_that_does_not_come_is_given_up(
    ingest: RunningIngest, s1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.http.access.BODY_TIMEOUT_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    head = (
        f"POST /whep/{s1} HTTP/1.1\r\nHost: ingest\r\nContent-Type: application/sdp\r\n"
        f"Authorization: Bearer {ingest.tokens.mint(s1)}\r\nContent-Length: 100\r\n\r\nv=0"
    )
    writer.write(head.encode())
    async with asyncio.timeout(3):
        answer = await reader.read()  # to its end: ingest hangs up
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body-timeout" in answer


async def test_another_content_type_is_refused(ingest: RunningIngest, offer: str, s1: str) -> None:
    await ingest.queue(s1)
    response = await ingest.post(s1, offer, **{"Content-Type": "application/json"})
    assert_problem(response, 415, "wrong-content-type")


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer nonsense", "Basic dTpw"])
async def test_without_a_valid_token_nobody_comes_in(
    ingest: RunningIngest, offer: str, value: str, s1: str
) -> None:
    await ingest.queue(s1)
    response = await ingest.post(s1, offer, Authorization=value)
    assert_problem(response, 401, "token-invalid")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_an_expired_token_is_refused(ingest: RunningIngest, offer: str, s1: str) -> None:
    await ingest.queue(s1)
    expired = ingest.tokens.mint(s1, ttl_s=-61)
    response = await ingest.post(s1, offer, Authorization=f"Bearer {expired}")
    assert_problem(response, 401, "token-invalid")


async def test_a_token_admits_to_its_own_session_only(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    foreign = ingest.tokens.mint("s2")
    response = await ingest.post(s1, offer, Authorization=f"Bearer {foreign}")
    assert_problem(response, 403, "token-foreign")


async def test_an_unknown_session_is_not_found(ingest: RunningIngest, offer: str) -> None:
    assert_problem(await ingest.post("nobody", offer), 404, "session-not-found")


async def test_an_ended_session_says_why(ingest: RunningIngest, offer: str, s1: str) -> None:
    await ingest.queue(s1)
    await ingest.store.end(s1, "The player left.")
    response = await ingest.post(s1, offer)
    assert_problem(response, 404, "session-ended")
    assert "The player left." in response.json()["detail"]


async def test_a_page_from_a_foreign_origin_is_refused(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    await ingest.queue(s1)
    for origin in ("https://evil.example", "http://[", "http://[::1]:x", "null", ""):
        refused = await ingest.post(s1, offer, Origin=origin)
        assert_problem(refused, 403, "origin-denied")
    response = await ingest.post(s1, offer, Origin="https://evil.example")
    assert_problem(response, 403, "origin-denied")


async def test_the_ingest_services_own_page_and_an_allowed_one_may_offer(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    for session_id, origin in ((s1, ingest.url), ("s2", PAGE)):
        await ingest.queue(session_id)
        response = await ingest.post(session_id, offer, Origin=origin)
        assert response.status_code == 201


async def test_an_allowed_page_may_read_where_its_connection_lives(
    ingest: RunningIngest, offer: str, s1: str
) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    preflight = await ingest.http.options(f"/whep/{s1}", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == PAGE
    await ingest.queue(s1)
    response = await ingest.post(s1, offer, Origin=PAGE)
    assert "Location" in response.headers["access-control-expose-headers"]


async def test_a_foreign_page_gets_no_cors(ingest: RunningIngest, s1: str) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = await ingest.http.options(f"/whep/{s1}", headers=asked)
    assert "access-control-allow-origin" not in preflight.headers


async def test_offers_without_end_are_slowed_down(redis_url: str, offer: str, s1: str) -> None:
    async with running_ingest(redis_url, offers_per_minute=2) as ingest:
        await ingest.queue(s1)
        statuses = [(await ingest.post(s1, "garbage")).status_code for _ in range(2)]
        refused = await ingest.post(s1, offer)
    assert statuses == [400, 400]
    assert_problem(refused, 429, "too-many-offers")
    assert int(refused.headers["retry-after"]) > 0


async def test_a_full_ingest_process_says_so(redis_url: str, offer: str, s1: str) -> None:
    async with (
        running_ingest(redis_url, max_peers=1) as ingest,
        browser() as player,
        browser(plays=False) as watcher,
        FakeReplica() as replica,
    ):
        await ingest.live(s1, replica)
        await ingest.queue("s2")
        assert (await ingest.join(s1, player)).status_code == 201
        await player.until(lambda: player.greys != [])
        for refused in (await ingest.post("s2", offer), await ingest.join(s1, watcher)):
            assert_problem(refused, 503, "edge-full")
            assert refused.headers["retry-after"] in refused.json()["detail"]
        assert await ingest.player_lock.take("s2", "another") is True  # the refused one has none


async def test_a_player_gets_the_place_of_one_that_only_offered(
    redis_url: str, offer: str, s1: str
) -> None:
    async with running_ingest(redis_url, max_peers=1) as ingest, browser() as second:
        await ingest.queue(s1)
        await ingest.queue("s2")
        first = await ingest.post(s1, offer)
        assert first.status_code == 201
        assert (await ingest.join("s2", second)).status_code == 201
        assert (await ingest.http.delete(first.headers["location"])).status_code == 404
        await second.until(lambda: second.connection.connectionState == "connected", tick_s=0.05)


async def test_offers_that_never_connect_hold_two_places(redis_url: str, s1: str) -> None:
    async with running_ingest(redis_url) as ingest, browser(plays=False) as one:
        await ingest.queue(s1)
        text = await one.offer()
        locations = [(await ingest.post(s1, text)).headers["location"] for _ in range(4)]
        left = [(await ingest.http.delete(location)).status_code for location in locations]
    assert left == [404, 404, 204, 204]


async def test_one_session_has_four_watchers(redis_url: str, s1: str) -> None:
    async with (
        contextlib.AsyncExitStack() as stack,
        running_ingest(redis_url) as ingest,
        FakeReplica() as replica,
    ):
        await ingest.live(s1, replica)
        answers = []
        for _ in range(5):
            one = await stack.enter_async_context(browser(plays=False))
            answers.append(await ingest.join(s1, one))
            if answers[-1].status_code == 201:
                await one.until(lambda one=one: one.greys != [])  # type: ignore[misc]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert_problem(answers[-1], 429, "too-many-watchers")
    assert answers[-1].headers["retry-after"] in answers[-1].json()["detail"]


async def test_behind_a_proxy_that_is_trusted_addresses_are_the_players(
    redis_url: str, s1: str
) -> None:
    proxy: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",), "half_open_per_address": 1}
    async with running_ingest(redis_url, **proxy) as ingest, browser(plays=False) as one:
        await ingest.queue(s1)
        text = await one.offer()
        near, far = [
            (await ingest.post(s1, text, **{"X-Forwarded-For": address})).headers["location"]
            for address in ("192.0.2.1", "192.0.2.2")
        ]
        assert (await ingest.http.delete(near)).status_code == 204
        assert (await ingest.http.delete(far)).status_code == 204


async def test_without_redis_ingest_is_alive_but_not_ready(offer: str, s1: str) -> None:
    async with running_ingest("redis://127.0.0.1:1") as ingest:
        assert await ingest.why_not_ready()
        assert_problem(await ingest.post(s1, offer), 503, "backplane-away")


async def test_with_redis_ingest_is_ready(ingest: RunningIngest) -> None:
    assert await ingest.why_not_ready() == ""


async def test_candidates_may_trickle(ingest: RunningIngest, location: str) -> None:
    fragment = "a=mid:0\r\na=candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host\r\n"
    assert (await _patch(ingest, location, fragment)).status_code == 204


@pytest.mark.parametrize(
    ("fragment", "status", "kind"),
    [
        ("a=candidate:nonsense\r\n", 400, "bad-sdp"),
        ("a=mid:nobody\r\n", 400, "bad-sdp"),
        ("a=ice-ufrag:other\r\n", 422, "no-ice-restart"),
        ("a=candidate:1 1 udp 1 127.0.0.1 5 typ host\r\n" * 65, 400, "bad-sdp"),
        ("x" * 20_000, 413, "body-too-large"),
    ],
)
async def test_a_bad_fragment_is_refused(
    ingest: RunningIngest, location: str, fragment: str, status: int, kind: str
) -> None:
    assert_problem(await _patch(ingest, location, fragment), status, kind)


async def test_a_fragment_needs_its_content_type(ingest: RunningIngest, location: str) -> None:
    response = await ingest.http.patch(location, content="a=mid:0\r\n")
    assert_problem(response, 415, "wrong-content-type")


async def test_candidates_do_not_pile_up(ingest: RunningIngest, location: str) -> None:
    answers = []
    for port in (1000, 2000, 3000):
        lines = [f"a=candidate:1 1 udp 1 127.0.0.1 {port + n} typ host\r\n" for n in range(30)]
        answers.append((await _patch(ingest, location, "".join(lines))).status_code)
    assert answers == [204, 204, 400]


async def test_a_connection_is_deleted_once(ingest: RunningIngest, location: str) -> None:
    assert (await ingest.http.delete(location)).status_code == 204
    assert_problem(await ingest.http.delete(location), 404, "no-peer")


async def test_a_guessed_location_deletes_nothing(
    ingest: RunningIngest, location: str, s1: str
) -> None:
    assert_problem(await ingest.http.delete(f"/whep/{s1}/guess"), 404, "no-peer")
    assert (await ingest.http.delete(location)).status_code == 204


async def test_the_page_learns_where_the_session_service_is(redis_url: str) -> None:
    async with running_ingest(redis_url, session_url="http://sessions.example") as ingest:
        config = await ingest.http.get("/config.json")
    assert config.json() == {
        "session_url": "http://sessions.example",
        "video": ["video/H264", "video/VP8"],
    }


async def test_the_page_may_call_this_ingest_process_and_the_session_service_only(
    ingest: RunningIngest,
) -> None:
    response = await ingest.http.get("/action.js")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' http://127.0.0.1:8081;" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "javascript" in response.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/?world=freedoom&start=2", "//evil.example/", "/page.js"])
async def test_who_asks_for_the_page_by_another_name_is_sent_to_its_own(
    redis_url: str, path: str
) -> None:
    async with running_ingest(redis_url, page_url="http://127.0.0.1:8080") as ingest:
        answer = await ingest.http.get(
            ingest.url + path, headers={"Host": f"localhost:{ingest.port}"}
        )
        assert answer.status_code == 307
        assert answer.headers["location"] == f"http://127.0.0.1:8080{path}"
        own = await ingest.http.get("/", headers={"Host": "127.0.0.1:8080"})
        assert own.status_code == 200 and "Nextframe" in own.text


@pytest.mark.parametrize("path", ["/nothing.js", "/../settings.py", "/%2e%2e/settings.py"])
async def test_only_the_pages_files_are_served(ingest: RunningIngest, path: str) -> None:
    assert_problem(await ingest.http.get(path), 404, "not-found")


async def _patch(ingest: RunningIngest, location: str, fragment: str) -> httpx.Response:
    headers = {"Content-Type": "application/trickle-ice-sdpfrag"}
    return await ingest.http.patch(location, content=fragment, headers=headers)
