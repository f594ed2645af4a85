"""A bounded server on a free port of this process, and raw clients."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from services.http_server.connection import BoundedState
from services.http_server.limits import ConnectionLimits
from services.http_server.server import PublicServer, make_server

HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def post(body: bytes, *headers: str, path: str = "/") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def small_app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def hello() -> PlainTextResponse:
        return PlainTextResponse("hello")

    @app.post("/")
    async def count(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    @app.post("/refusing")
    async def refuse() -> PlainTextResponse:
        return PlainTextResponse("too much", 413)

    @app.get("/large")
    async def large() -> PlainTextResponse:
        return PlainTextResponse("x" * 8_000_000)

    @app.get("/slow")
    async def slow() -> PlainTextResponse:
        await asyncio.sleep(2)
        return PlainTextResponse("late")

    return app


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def drip(self, data: bytes, every_s: float) -> None:
        with contextlib.suppress(ConnectionError):
            for i in range(len(data)):
                self.writer.write(data[i : i + 1])
                await asyncio.sleep(every_s)

    async def read_all(self) -> bytes:
        """Reads until the server ends the connection."""
        received = b""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    received += piece
        return received

    async def answer(self) -> tuple[int, bytes]:
        """Returns status and body of one response with a Content-Length."""
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            return int(head.split()[1]), await self.reader.readexactly(length)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Running:
    def __init__(self, port: int, state: BoundedState, closing: contextlib.AsyncExitStack) -> None:
        self.port = port
        self.state = state
        self._closing = closing

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._closing.push_async_callback(client.close)
        return client

    async def request(self, data: bytes) -> tuple[int, bytes]:
        client = await self.client()
        client.send(data)
        answer = await client.answer()
        await client.close()
        return answer


@contextlib.asynccontextmanager
async def running(
    limits: ConnectionLimits, app: FastAPI | None = None, **more: object
) -> AsyncIterator[Running]:
    listener = socket.create_server(("127.0.0.1", 0))
    public = PublicServer(app=app or small_app(), listener=listener, limits=limits, **more)  # type: ignore[arg-type]
    server = make_server(public)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started)
    async with contextlib.AsyncExitStack() as closing:
        state = server.server_state
        assert isinstance(state, BoundedState)
        try:
            yield Running(listener.getsockname()[1], state, closing)
        finally:
            server.should_exit = True
    await serving


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(2000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError
