"""Starts a service's two HTTP servers: the public port, and the operators' port (`ops.py`).

Only this file starts uvicorn.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from starlette.types import ASGIApp

from services.http_server.connection import BoundedConnection, BoundedState
from services.http_server.host_header import HostHeader
from services.http_server.limits import ConnectionLimits
from services.http_server.ops import create_ops_app
from services.openapi import document_of

GRACE_S = 5
OPS_LIMITS = ConnectionLimits(max_connections=64, max_per_address=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicServer:
    """`app`: with `app.state.why_not_ready`, an async function that returns the reason for an
    unready service; empty means ready. `proxies`: addresses or networks with a trusted
    X-Forwarded-For header. `web_socket`: uvicorn's WebSocket settings, None without WebSockets."""

    app: FastAPI
    listener: socket.socket
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    proxies: tuple[str, ...] = ()
    web_socket: dict[str, Any] = field(default_factory=lambda: {"ws": "none"})


def run(public: PublicServer, ops_listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT; the operators' port answers before the start and until the
    end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(public, ops_listener))


async def serve(public: PublicServer, ops_listener: socket.socket) -> None:
    server = make_server(public)

    async def why_not_ready() -> str:
        if not server.started or server.should_exit:
            return "stopping" if server.should_exit else "starting"
        refusal: str = await public.app.state.why_not_ready()
        return refusal

    ops = OpsServer(create_ops_app(why_not_ready, partial(document_of, public.app)))
    ops.start(ops_listener)
    try:
        await server.serve(sockets=[public.listener])
    finally:
        await ops.stop()


def make_server(public: PublicServer) -> uvicorn.Server:
    config = _config(
        HostHeader(public.app),
        proxy_headers=bool(public.proxies),
        forwarded_allow_ips=list(public.proxies),
        **public.web_socket,
    )
    server = uvicorn.Server(config)
    server.server_state = BoundedState(public.limits, public.proxies)
    return server


class OpsServer:
    """Serves an operators' app on the running loop from `start` to `stop`."""

    def __init__(self, app: FastAPI, limits: ConnectionLimits = OPS_LIMITS) -> None:
        self._server = _Unsignalled(_config(HostHeader(app), ws="none", proxy_headers=False))
        self._server.server_state = BoundedState(limits)
        self._serving: asyncio.Task[None] | None = None

    def start(self, listener: socket.socket) -> None:
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Unsignalled(uvicorn.Server):
    """Leaves signals to the server beside it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: ASGIApp, **more: Any) -> uvicorn.Config:
    """No access log, because a socket's address may carry a token."""
    return uvicorn.Config(
        app,
        http=BoundedConnection,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        **more,
    )
