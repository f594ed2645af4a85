"""The cost of one WebSocket, and answers to invalid handshakes."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fastapi import FastAPI, WebSocket

from services.http_server.limits import ConnectionLimits
from services.http_server.web_socket import BoundedWebSocket
from tests.services.http_server.http_kit import HEAD, Client, Running, running, small_app, until
from tests.services.http_server.loop_turns import turns_of_the_loop_s

pytestmark = pytest.mark.asyncio

UPGRADE = (
    b"GET /%s HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MASK = bytes(4)
PING, CONTINUED, ACTION = b"\x89\x80" + MASK, b"\x00\x80" + MASK, b"\x82\x9c" + MASK + bytes(28)


def socket_app() -> FastAPI:
    app = small_app()

    @app.websocket("/count")
    async def count(socket: WebSocket) -> None:
        await socket.accept()
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    @app.websocket("/refuse")
    async def refuse(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4401, "no")

    return app


@contextlib.asynccontextmanager
async def sockets(limits: ConnectionLimits = ConnectionLimits()) -> AsyncIterator[Running]:  # noqa: B008
    web_socket = {"ws": BoundedWebSocket, "ws_max_size": 256, "ws_per_message_deflate": False}
    async with running(limits, socket_app(), web_socket=web_socket) as server:
        yield server


async def connected(server: Running, path: bytes = b"count") -> Client:
    client = await server.client()
    client.send(UPGRADE % path)
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    return client


@pytest.mark.parametrize(
    "frames", [PING * 40_000, ACTION * 7_000, b"\x02\x80" + MASK + CONTINUED * 40_000]
)
async def test_no_frames_hold_the_loop(frames: bytes) -> None:
    """A quarter of a megabyte in one read takes seconds if parsed at once."""
    async with sockets() as server:
        client = await connected(server)
        with turns_of_the_loop_s() as turns:
            client.send(frames)
            await asyncio.sleep(1)
        client.writer.transport.abort()
    assert sorted(turns)[-3] < 0.02, sorted(turns)[-5:]


async def test_who_reads_no_pong_is_cut_off() -> None:
    async with sockets() as server:
        client = await connected(server)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        ping = b"\x89\xfd" + MASK + bytes(125)
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while len(server.state.table):
                    client.send(ping * 2000)
                    await client.writer.drain()
        await until(lambda: not len(server.state.table))


@pytest.mark.parametrize(
    "change",
    [
        (b"GET", b"POST"),
        (b"Host: here", b"Host: here\r\nContent-Length: 3"),
        (b"Host: here", b"Host: here\r\nTransfer-Encoding: chunked"),
        (b"Host: here", b"Host: here\r\nX: " + b"x" * 9000),
        (b"/count", b"/count?" + b"x" * 9000),
        (b"Version: 13", b"Version: 12"),
        (b"AAAA==", b"AAAA"),
    ],
)
async def test_a_handshake_that_is_none_ends(change: tuple[bytes, bytes]) -> None:
    async with sockets() as server:
        client = await server.client()
        client.send((UPGRADE % b"count").replace(*change))
        answer = await asyncio.wait_for(client.read_all(), 5)
        assert answer.startswith(b"HTTP/1.1 4"), answer
        await until(lambda: not len(server.state.table))
        await until(lambda: not server.state.connections)


async def test_sockets_that_were_refused_make_room() -> None:
    """A client without a close handshake keeps the connection for ten seconds."""
    async with sockets(replace(ConnectionLimits(), max_connections=8)) as server:
        crowd = [await connected(server, b"refuse") for _ in range(8)]
        await asyncio.sleep(0.1)
        assert await server.request(HEAD) == (200, b"hello")
        assert len(crowd) == 8


async def test_no_token_in_an_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with sockets() as server:
            client = await connected(server, b"count?token=hidden")
            client.send(b"\x81\x81" + MASK + b"\xff")  # a text that is no text
            await client.read_all()
    assert "hidden" not in caplog.text and "Traceback" not in caplog.text
