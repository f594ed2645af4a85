"""Actions over a WebSocket: accepted actions, and the close code of every error."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from services.ingest import action_gate
from services.ingest.http import actions
from services.wire.action import Action
from tests.services.ingest.ingest_kit import FakeReplica, RunningIngest, running_ingest

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]

GOOD = Action(seq=1).to_bytes()


@pytest_asyncio.fixture
async def ingest(redis_url: str) -> AsyncIterator[RunningIngest]:
    async with running_ingest(redis_url) as ingest, FakeReplica() as replica:
        await ingest.live("s1", replica)
        yield ingest


def url(ingest: RunningIngest, session_id: str = "s1") -> str:
    return f"{ingest.url.replace('http', 'ws')}/v1/sessions/{session_id}/actions"


def action_socket(
    ingest: RunningIngest, token: str | None = None, origin: str | None = None
) -> connect:
    """Connects like the page: the token is the second subprotocol."""
    given = ingest.tokens.mint("s1") if token is None else token
    return connect(url(ingest), subprotocols=["nextframe", given], origin=origin)  # type: ignore[list-item, arg-type]


async def close_code(socket: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(5):
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_an_action_reaches_the_owners_stream(ingest: RunningIngest) -> None:
    async with action_socket(ingest) as socket:
        assert socket.subprotocol == "nextframe"
        await socket.send(GOOD)
        await ingest.until_actions("replica", 1)
    assert await ingest.actions_of("replica") == [("s1", GOOD)]


async def test_the_token_may_stand_in_the_address(ingest: RunningIngest) -> None:
    async with connect(f"{url(ingest)}?token={ingest.tokens.mint('s1')}") as socket:
        await socket.send(GOOD)
        await ingest.until_actions("replica", 1)


async def test_a_wrong_token_closes_with_4401(ingest: RunningIngest) -> None:
    async with action_socket(ingest, token="nonsense") as socket:
        assert await close_code(socket) == 4401


async def test_no_token_closes_with_4401(ingest: RunningIngest) -> None:
    async with connect(url(ingest)) as socket:
        assert await close_code(socket) == 4401


async def test_an_expired_token_closes_with_4401(ingest: RunningIngest) -> None:
    async with action_socket(ingest, token=ingest.tokens.mint("s1", ttl_s=-61)) as socket:
        assert await close_code(socket) == 4401


async def test_another_sessions_token_closes_with_4403(ingest: RunningIngest) -> None:
    async with action_socket(ingest, token=ingest.tokens.mint("s2")) as socket:
        assert await close_code(socket) == 4403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://[", "null"])
async def test_a_foreign_page_closes_with_4403(ingest: RunningIngest, origin: str) -> None:
    async with action_socket(ingest, origin=origin) as socket:
        assert await close_code(socket) == 4403


async def test_the_ingest_services_own_page_may_connect(ingest: RunningIngest) -> None:
    async with action_socket(ingest, origin=ingest.url) as socket:
        await socket.send(GOOD)
        await ingest.until_actions("replica", 1)


async def test_an_unknown_session_closes_with_4404(ingest: RunningIngest) -> None:
    async with connect(f"{url(ingest, 'nobody')}?token={ingest.tokens.mint('nobody')}") as socket:
        assert await close_code(socket) == 4404


async def test_text_closes_with_1003(ingest: RunningIngest) -> None:
    async with action_socket(ingest) as socket:
        await socket.send("forward")
        assert await close_code(socket) == 1003


@pytest.mark.parametrize("message", [b"", GOOD[:-1], GOOD + b"x", b"\xff" * 28])
async def test_what_is_no_action_closes_with_4400(ingest: RunningIngest, message: bytes) -> None:
    async with action_socket(ingest) as socket:
        await socket.send(message)
        assert await close_code(socket) == 4400
    assert await ingest.actions_of("replica") == []


async def test_a_huge_message_closes_with_1009(ingest: RunningIngest) -> None:
    async with action_socket(ingest) as socket:
        await socket.send(b"x" * 100_000)
        assert await close_code(socket) == 1009


async def test_too_many_actions_close_with_4429(
    ingest: RunningIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action_gate, "MAX_STRIKES", 20)
    monkeypatch.setattr(action_gate, "STRIKES_PER_S", 0.01)
    monkeypatch.setattr(action_gate, "MAX_ACTIONS_PER_S", 0.01)
    async with action_socket(ingest) as socket:
        with contextlib.suppress(ConnectionClosed):
            for seq in range(1, 200):
                await socket.send(Action(seq=seq).to_bytes())
        assert await close_code(socket) == 4429


async def test_a_second_socket_takes_over_and_the_first_closes_with_4409(
    ingest: RunningIngest,
) -> None:
    async with action_socket(ingest) as first, action_socket(ingest) as second:
        assert await close_code(first) == 4409
        await second.send(GOOD)
        await ingest.until_actions("replica", 1)


async def test_a_socket_needs_a_place_too(redis_url: str) -> None:
    async with running_ingest(redis_url, max_peers=1) as ingest:
        await ingest.queue("s1")
        await ingest.queue("s2")
        async with action_socket(ingest) as first:
            await _is_attached(ingest, "s1")
            async with action_socket(ingest) as second:  # one player, one place
                assert await close_code(first) == 4409
                token = ingest.tokens.mint("s2")
                async with connect(f"{url(ingest, 's2')}?token={token}") as other:
                    assert await close_code(other) == 1013
                assert second.state is State.OPEN


async def _is_attached(ingest: RunningIngest, session_id: str) -> None:
    """Waits until a socket's actions count as a sign of the player."""
    async with asyncio.timeout(5):
        while True:
            record = await ingest.store.get(session_id)
            if record is not None and record.connected_at_ms:
                return
            await asyncio.sleep(0.02)


async def test_a_session_that_ends_closes_with_4410(ingest: RunningIngest) -> None:
    async with action_socket(ingest) as socket:
        await socket.send(GOOD)
        await ingest.until_actions("replica", 1)
        await ingest.store.end("s1", "done")
        assert await close_code(socket) == 4410


async def test_silence_closes_with_4408(
    ingest: RunningIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SILENCE_S", 0.05)
    async with action_socket(ingest) as socket:
        assert await close_code(socket) == 4408


async def test_without_redis_it_closes_with_1013() -> None:
    async with running_ingest("redis://127.0.0.1:1") as ingest, action_socket(ingest) as socket:
        assert await close_code(socket) == 1013
