"""The two ports of a service: public and operators'."""

import asyncio
import socket

import httpx
import pytest
from fastapi import FastAPI

from services.environment import SettingsError
from services.http_server.limits import ConnectionLimits
from services.http_server.listener import listen
from services.http_server.ops import Readiness, create_ops_app
from services.http_server.server import OpsServer, PublicServer, serve
from services.http_server.web_socket import BoundedWebSocket
from tests.services.http_server.http_kit import HEAD, Client, running, small_app, until

pytestmark = pytest.mark.asyncio


async def test_probes_answer_on_their_own_port_while_a_crowd_holds_the_other() -> None:
    app = small_app()
    refusal = ""

    async def check() -> str:
        return refusal

    app.state.why_not_ready = check
    public, ops = (listen("127.0.0.1", 0, "X_PORT") for _ in range(2))
    limits = ConnectionLimits(max_connections=32, max_per_address=16)
    serving = asyncio.create_task(serve(PublicServer(app=app, listener=public, limits=limits), ops))
    crowd = []
    url = f"http://127.0.0.1:{ops.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url) as http:
        for i in range(200):
            crowd.append(Client(*await asyncio.open_connection(*public.getsockname())))
            crowd[-1].send(HEAD[: i % 20])
        for method in ("GET", "HEAD"):
            answer = await http.request(method, "/healthz")
            assert answer.status_code == 200 and (answer.text == "ok\n") is (method == "GET")
            assert (await http.request(method, "/metrics")).status_code == 200
            assert (await http.request(method, "/openapi.json")).status_code == 200
        for _ in range(100):
            if (await http.head("/readyz")).status_code == 200:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("never ready")
        refusal = "The memory of Redis is full (maxmemory)."
        for _ in range(100):
            answer = await http.get("/readyz")
            if answer.status_code == 503:
                break
            await asyncio.sleep(0.05)
        assert answer.text == "not ready: The memory of Redis is full (maxmemory).\n"
    for one in crowd:
        await one.close()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_readiness_is_asked_in_the_background_and_grows_stale() -> None:
    asked, now = 0, 0.0

    async def check() -> str:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise RuntimeError("broken")
        return ""

    readiness = Readiness(check, stale_s=10, clock=lambda: now)
    assert readiness.refusal
    await readiness.refresh()
    assert all(readiness.refusal == "" for _ in range(50)) and asked == 1
    now = 10.5
    assert readiness.refusal
    await readiness.refresh()
    assert readiness.refusal == ""
    await readiness.refresh()
    assert readiness.refusal


async def test_an_ops_app_has_no_document_of_its_own() -> None:
    async def check() -> str:
        return "asleep"

    app = create_ops_app(check)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://ops"
    ) as client:
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/readyz")).status_code == 503


async def test_an_ops_server_ends_when_told() -> None:
    async def check() -> str:
        return ""

    server = OpsServer(create_ops_app(check))
    listener = listen("127.0.0.1", 0, "X_OPS_PORT")
    server.start(listener)
    client = Client(*await asyncio.open_connection(*listener.getsockname()))
    client.send(HEAD.replace(b"/", b"/healthz", 1))
    assert await client.answer() == (200, b"ok\n")
    await server.stop()
    assert await client.read_all() == b""
    await client.close()


async def test_a_port_that_cannot_be_had_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"X_OPS_PORT: port {port} .* is in use"):
            listen("127.0.0.1", port, "X_OPS_PORT")
    with pytest.raises(SettingsError, match=r"no address of this machine"):
        listen("192.0.2.1", 0, "X_PORT")
    with pytest.raises(SettingsError, match=r"no host 'no such'"):
        listen("no such", 0, "X_PORT")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_the_host_of_two_colons_takes_both_kinds_of_addresses() -> None:
    with listen("::", 0, "X_PORT") as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=2).close()


async def test_a_web_socket_is_exempt_from_deadlines_and_counted_until_it_ends() -> None:
    import websockets
    from fastapi import WebSocket

    app = FastAPI()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        while True:
            await socket.send_text(await socket.receive_text())

    short = ConnectionLimits(silent_s=0.2, head_s=0.2, body_s=0.2, answer_s=0.2, idle_s=0.2)
    web_socket = {"ws": BoundedWebSocket}
    async with running(short, app, web_socket=web_socket) as server:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/echo") as client:
            await asyncio.sleep(0.8)
            await client.send("still here")
            assert await client.recv() == "still here"
            assert len(server.state.table) == 1
        await until(lambda: not len(server.state.table))
