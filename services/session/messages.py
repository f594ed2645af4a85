"""Request and response bodies of the session service."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.session.lifecycle import MAX_SEED, SessionRequest
from services.wire.session import SessionStatus

Id = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class CreateSession(BaseModel):
    """All fields are optional; defaults are the default world, the first start and a random
    seed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    world: Annotated[str, Field(max_length=64)] | None = None
    start: Annotated[int, Field(ge=0, le=10_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    snapshot: Id | None = None

    def to_request(self) -> SessionRequest:
        return SessionRequest(
            world=self.world, start=self.start, seed=self.seed, snapshot=self.snapshot
        )


class IceServer(BaseModel):
    """An ICE server in the format of RTCPeerConnection."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Stats(BaseModel):
    age_s: float
    owners: int  # replicas that have held it so far


class SessionView(BaseModel):
    """A session as the player sees the session. `token`: renewed at each response; empty for an
    ended session."""

    id: str
    status: SessionStatus
    world: str
    start: int
    seed: int
    expires_at: datetime
    token: str | None = None
    position: int | None = None  # 0 is next
    eta_s: float | None = None
    reason: str | None = None
    stats: Stats


class CreatedSession(SessionView):
    """A new session with the addresses for play."""

    whep_url: str
    actions_url: str
    ice_servers: list[IceServer]


class Snapshot(BaseModel):
    """`snapshot`: for POST /v1/sessions; everybody with the id may open a session from the
    snapshot."""

    snapshot: str
    expires_at: datetime
