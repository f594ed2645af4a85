"""The replica's own small HTTP: health, metrics, and the door for whoever drains it."""

import asyncio
import errno
import ipaddress
import logging
import socket

import uvicorn
from fastapi import FastAPI, Request

from services.generation.sessions.replica import Replica
from services.telemetry import Problem, add_health_routes, add_problem_answers

log = logging.getLogger(__name__)


def create_app(replica: Replica) -> FastAPI:
    """/healthz, /readyz, /metrics; POST /drain for callers on the same machine."""
    app = FastAPI(openapi_url=None)
    add_health_routes(app, replica.is_ready)
    add_problem_answers(app)

    @app.post("/drain")
    async def drain(request: Request) -> dict[str, bool]:
        """Answers when the sessions have left."""
        if request.client is None or not ipaddress.ip_address(request.client.host).is_loopback:
            raise Problem(403, "not-here", "Only a process on the replica's machine may drain it.")
        return {"drained": await replica.drain()}

    return app


class HealthServer:
    """Serves `app` on the running loop from `start` to `stop`."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._serving: asyncio.Task[None] | None = None

    def start(self, host: str, port: int) -> int:
        """The port it listens on: another one than asked for when that is taken, so that a
        second replica on a machine still plays."""
        listener = _listen(host, port)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        bound: int = listener.getsockname()[1]
        return bound

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        listener = socket.create_server((host, 0))
        log.warning(
            "health port is taken", extra={"port": port, "instead": listener.getsockname()[1]}
        )
        return listener
