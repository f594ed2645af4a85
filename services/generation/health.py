"""The replica's port for operators: health, metrics, and the drain."""

import hmac
import ipaddress
from typing import Annotated

from fastapi import FastAPI, Header, Request

from services.generation.sessions.replica import Replica
from services.http_server.ops import create_ops_app
from services.telemetry import Problem


def create_app(replica: Replica, drain_token: str) -> FastAPI:
    """/healthz, /readyz, /metrics; POST /drain for a process on the same machine with
    `drain_token`. POST /drain is disabled while the token is empty."""
    app = create_ops_app(replica.why_not_ready)

    @app.post("/drain")
    async def drain(
        request: Request, authorization: Annotated[str, Header()] = ""
    ) -> dict[str, bool]:
        """Answers when the sessions have left."""
        _check_source(request)
        _check_token(drain_token, authorization)
        return {"drained": await replica.drain()}

    return app


def _check_source(request: Request) -> None:
    """Raises 403 for other machines, and for a browser: every page's POST carries an Origin."""
    if request.client is None or not _is_loopback(request.client.host):
        raise Problem(403, "not-here", "Only a process on the replica's machine may drain it.")
    if "origin" in request.headers:
        raise Problem(403, "origin-denied", "No page may drain a replica.")


def _check_token(token: str, authorization: str) -> None:
    """Raises 403 while no token is set, 401 for another one."""
    if not token:
        detail = "Set NEXTFRAME_GENERATION_DRAIN_TOKEN to drain by HTTP, or end the process."
        raise Problem(403, "drain-disabled", detail)
    scheme, _, shown = authorization.partition(" ")
    is_known = hmac.compare_digest(shown.strip().encode(), token.encode())
    if scheme.lower() != "bearer" or not is_known:
        detail = "Send the drain token as: Authorization: Bearer <token>."
        raise Problem(401, "token-invalid", detail)


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
