"""What a probe saw, and what a check concludes. Values only."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`advice`: what to do; empty if all is well."""

    subject: str
    verdict: Health
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenService:
    """A service's port for operators. `ready`: the status of /readyz, 0 without an answer.
    `is_needed`: an installation cannot do without the service."""

    name: str
    url: str
    is_needed: bool
    ready: int
    reason: str = ""
    has_metrics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenServer:
    """A STUN or TURN server. `error`: empty if the server answered."""

    url: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`error`: why the session service did not answer an operator; then `setup`, `status` and
    `replicas` are empty. `gpu`: name and driver of each GPU of this machine."""

    services: tuple[SeenService, ...]
    error: str = ""
    setup: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = field(default_factory=dict)
    replicas: tuple[dict[str, Any], ...] = ()
    servers: tuple[SeenServer, ...] = ()
    gpus: tuple[str, ...] = ()
    clock_ahead_s: float = 0.0  # of this machine before the session service
