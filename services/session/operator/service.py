"""What operators may ask and do, without HTTP. Redis holds the state; raises Problem to refuse."""

import ipaddress
import logging
from collections import Counter
from dataclasses import dataclass

from services.backplane.blocks import AddressBlock, BlockList, TooManyBlocks
from services.backplane.connection import Client
from services.backplane.orders import ReplicaOrders
from services.backplane.redis_facts import RedisFacts, read_facts
from services.backplane.replicas import ReplicaInfo, ReplicaRegistry
from services.backplane.session_pages import SessionPage, SessionPages
from services.backplane.sessions import PRESENT_MS, SessionStore
from services.callers import caller_of
from services.telemetry import Problem
from services.wire.session import SessionRecord

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """`waiting`: players present, by world. `memory`: bytes used by Redis, and the budget."""

    open: int
    held: int
    queued: int
    waiting: dict[str, int]
    replicas: tuple[ReplicaInfo, ...]
    blocks: int
    memory: tuple[int, int]


class OperatorService:
    """All that operators do, each action with a line in the log."""

    def __init__(self, redis: Client, *, redis_budget_bytes: int) -> None:
        self._redis_budget_bytes = redis_budget_bytes
        self._redis = redis
        self._store = SessionStore(redis)
        self._pages = SessionPages(redis)
        self._registry = ReplicaRegistry(redis)
        self._orders = ReplicaOrders(redis)
        self._blocks = BlockList(redis)

    async def overview(self) -> Overview:
        queued = await self._store.queued()
        present = await self._store.queued(within_ms=PRESENT_MS)
        return Overview(
            open=await self._store.count(),
            held=len(await self._store.leases()),
            queued=len(queued),
            waiting=dict(sorted(Counter(session.world for session in present).items())),
            replicas=tuple(await self._registry.all()),
            blocks=await self._blocks.count(),
            memory=await self._store.memory(max_bytes=self._redis_budget_bytes),
        )

    async def redis_facts(self) -> RedisFacts:
        return await read_facts(self._redis)

    async def sessions(self, *, limit: int, after: str) -> SessionPage:
        try:
            return await self._pages.page(limit=limit, after=after)
        except ValueError as error:
            raise Problem(422, "bad-request", f"after: {error}.") from error

    async def replicas(self) -> list[ReplicaInfo]:
        return await self._registry.all()

    async def end(self, session_id: str, reason: str) -> None:
        """Idempotent for a session that has ended."""
        await self.find(session_id)
        await self._store.end(session_id, reason)
        log.info("operator ended a session", extra={"session_id": session_id})

    async def move(self, session_id: str) -> None:
        """The session's replica gives the session away within about a second."""
        record = await self.find(session_id)
        if not record.replica_id:
            detail = f"The session is {record.status.value}; only a session on a replica can move."
            raise Problem(409, "session-not-held", detail)
        others = await self._others(record.replica_id, record.world, record.world_digest)
        if not any(other.used < other.slots for other in others):
            detail = "No other replica has a free slot in this version of the world."
            raise Problem(409, "no-other-replica", detail)
        await self._orders.move(record.replica_id, session_id)
        log.info("operator moves a session", extra={"session_id": session_id})

    async def drain(self, replica_id: str, *, anyway: bool) -> None:
        """The replica takes nobody and gives its sessions away within about a second. `anyway`:
        also where no other replica takes sessions of the world, so that players must wait."""
        replica = await self._replica(replica_id)
        others = await self._others(replica_id, replica.world, replica.world_digest)
        if not others and not anyway:
            detail = "No other replica plays this version of the world, so its players would wait."
            raise Problem(409, "no-other-replica", f"{detail} Send anyway: true to drain anyway.")
        await self._orders.drain(replica_id)
        log.info("operator drains a replica", extra={"replica_id": replica_id})

    async def undrain(self, replica_id: str) -> None:
        await self._replica(replica_id)
        await self._orders.undrain(replica_id)
        log.info("operator takes back a drain", extra={"replica_id": replica_id})

    async def _replica(self, replica_id: str) -> ReplicaInfo:
        for replica in await self._registry.all():
            if replica.replica_id == replica_id:
                return replica
        raise Problem(404, "replica-not-found", "There is no such replica (any more).")

    async def _others(self, replica_id: str, world: str, digest: str) -> list[ReplicaInfo]:
        """Other replicas that take sessions of this version."""
        return [
            other
            for other in await self._registry.all()
            if other.replica_id != replica_id
            and (other.world, other.world_digest) == (world, digest)
            and not (other.draining or other.refusal)
        ]

    async def find(self, session_id: str) -> SessionRecord:
        record = await self._store.get(session_id)
        if record is None:
            raise Problem(404, "session-not-found", "There is no such session (any more).")
        return record

    async def block(self, address: str, *, seconds: int, reason: str) -> AddressBlock:
        who = blocked_name(address)
        try:
            await self._blocks.put(who, seconds=seconds, reason=reason)
        except TooManyBlocks as error:
            detail = "Too many addresses are blocked. Remove some blocks first."
            raise Problem(409, "too-many-blocks", detail) from error
        log.info("operator blocked an address", extra={"who": who, "s": seconds})
        return AddressBlock(who=who, reason=reason, left_s=seconds)

    async def end_sessions_of(self, who: str) -> int:
        """Ends the open sessions of a blocked caller. Returns the number."""
        ended = 0
        for session_id in await self._pages.opened_by(who):
            ended += await self._store.end(session_id, "Your address is blocked.")
        return ended

    async def unblock(self, address: str) -> None:
        who = blocked_name(address)
        if not await self._blocks.remove(who):
            raise Problem(404, "not-blocked", f"{who} is not blocked.")
        log.info("operator unblocked an address", extra={"who": who})

    async def blocks(self, *, limit: int, after: str) -> list[AddressBlock]:
        return await self._blocks.page(limit=limit, after=after)


def blocked_name(address: str) -> str:
    """The name that rate limits use for the address; a /48 of IPv6 stands for itself. Raises
    Problem for anything else."""
    try:
        if "/" in address:
            network = ipaddress.IPv6Network(address)
            if network.prefixlen not in (48, 64):
                raise ValueError("a network is an IPv6 /48 or /64")
            return str(network)
        if "%" in address:
            raise ValueError("an address of one machine's interface blocks nobody else")
        return caller_of(str(ipaddress.ip_address(address))).address
    except ValueError as error:
        raise Problem(422, "bad-request", f"address: {error}.") from error
