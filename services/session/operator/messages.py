"""Request and response bodies of the calls for operators."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.wire.session import SessionStatus

MAX_BLOCK_MINUTES = 30 * 24 * 60


class OperatorSession(BaseModel):
    """`address`: who opened the session. `held_s`: how long the replica has had the session."""

    id: str
    status: SessionStatus
    world: str
    world_digest: str
    replica_id: str | None = None
    address: str | None = None
    age_s: float
    held_s: float | None = None
    owners: int
    ends_at: datetime
    reason: str | None = None


class OperatorSessions(BaseModel):
    """`next`: the `after` of the next page; absent on the last page. A page with a filter may have
    fewer sessions than `limit`."""

    sessions: list[OperatorSession]
    next: str | None = None


class Capacity(BaseModel):
    """Milliseconds of a frame for every session, by the number of sessions, measured at warm-up."""

    period_ms: float
    ticks_ms: dict[str, float]


class OperatorReplica(BaseModel):
    """`refusal`: why the replica takes nobody in spite of free slots. `level`: quality level, 0 is
    full quality."""

    id: str
    world: str
    world_digest: str
    slots: int
    used: int
    draining: bool
    level: int
    refusal: str | None = None
    capacity: Capacity | None = None


class OperatorReplicas(BaseModel):
    replicas: list[OperatorReplica]
    next: str | None = None


class Waiting(BaseModel):
    """Players present in the queue of a world."""

    world: str
    sessions: int


class RedisMemory(BaseModel):
    """`budget_bytes`: where creating and saving end."""

    used_bytes: int
    budget_bytes: int


class FleetStatus(BaseModel):
    """`open`: all sessions that have not ended; `held`: those that a replica has; `paused`: those
    that nobody plays or waits for. `slots`, `used`: of replicas that are not draining."""

    open: int
    held: int
    paused: int
    waiting: list[Waiting]
    replicas: int
    draining: int
    slots: int
    used: int
    blocks: int
    redis: RedisMemory


class RedisSetup(BaseModel):
    """`persistence`: aof, rdb, none or unknown. `clock_ahead_s`: of Redis before the service."""

    version: str
    role: str
    persistence: str
    eviction_policy: str
    maxmemory_bytes: int
    used_bytes: int
    clock_ahead_s: float


class Setup(BaseModel):
    """How the installation is set up, as far as the session service sees. `now`: the service's
    clock. `token_secret_chars`: length of the secret of session
    tokens; `token_secret_written_at`: null for a secret that comes from no file."""

    redis: RedisSetup
    ice_servers: list[str]
    token_secret_chars: int
    token_secret_written_at: datetime | None
    now: datetime


class EndSession(BaseModel):
    """`reason`: what the player reads."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, Field(min_length=1, max_length=200)] = "An operator ended your session."


class DrainReplica(BaseModel):
    """`anyway`: also where players must then wait, because no other replica plays the version."""

    model_config = ConfigDict(extra="forbid", strict=True)

    anyway: bool = False


class BlockAddress(BaseModel):
    """`address`: an IPv4 address, an IPv6 address (its /64 is blocked) or an IPv6 /48. `reason`:
    for operators. `end_sessions`: also end the open sessions of the address."""

    model_config = ConfigDict(extra="forbid", strict=True)

    address: Annotated[str, Field(min_length=2, max_length=64)]
    minutes: Annotated[int, Field(ge=1, le=MAX_BLOCK_MINUTES)] = 60
    reason: Annotated[str, Field(max_length=200)] = ""
    end_sessions: bool = False


class BlockedAddress(BaseModel):
    address: str
    reason: str
    expires_at: datetime


class NewBlock(BlockedAddress):
    """`ended`: number of ended sessions."""

    ended: int


class BlockedAddresses(BaseModel):
    blocks: list[BlockedAddress]
    next: str | None = None
