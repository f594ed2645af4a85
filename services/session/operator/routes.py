"""HTTP routes for operators, behind the operator's token; `service.py` holds the rules."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.openapi import ALWAYS, problems
from services.operator_access import OperatorAccess
from services.session.messages import Id
from services.session.operator import views
from services.session.operator.messages import (
    BlockAddress,
    BlockedAddresses,
    DrainReplica,
    EndSession,
    FleetStatus,
    NewBlock,
    OperatorReplicas,
    OperatorSessions,
    RedisSetup,
    Setup,
)
from services.session.operator.service import OperatorService
from services.session.settings import SessionSettings
from services.wire.session import SessionStatus

MAX_PAGE = 200

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
After = Annotated[str, Query(max_length=128)]
Address = Annotated[str, Path(min_length=2, max_length=64)]
ReplicaId = Annotated[str, Path(min_length=1, max_length=128)]


def operator_routes(
    service: OperatorService, settings: SessionSettings, secret_written_s: float | None
) -> APIRouter:
    router = APIRouter(
        prefix="/v1/operator",
        dependencies=[Depends(OperatorAccess(settings.operator_token))],
        responses=problems(*ALWAYS, 401),
    )

    written_at = None if secret_written_s is None else datetime.fromtimestamp(secret_written_s, UTC)

    @router.get("/status")
    async def status() -> FleetStatus:
        return views.status_view(await service.overview())

    @router.get("/setup")
    async def setup() -> Setup:
        facts = RedisSetup(**asdict(await service.redis_facts()))
        return Setup(
            redis=facts,
            ice_servers=list(settings.ice_servers),
            token_secret_chars=len(settings.token_secret),
            token_secret_written_at=written_at,
            now=datetime.now(UTC),
        )

    @router.get("/sessions", response_model_exclude_none=True)
    async def sessions(
        limit: Limit = 50,
        after: After = "",
        world: Annotated[str, Query(max_length=64)] = "",
        status: SessionStatus | None = None,
    ) -> OperatorSessions:
        """Sessions that have not ended, the next to end first."""
        page = await service.sessions(limit=limit, after=after)
        shown = [
            views.session_view(session)
            for session in page.sessions
            if world in ("", session.record.world) and status in (None, session.record.status)
        ]
        return OperatorSessions(sessions=shown, next=page.next or None)

    @router.post("/sessions/{session_id}/end", status_code=204, responses=problems(404))
    async def end(session_id: Id, body: EndSession | None = None) -> None:
        await service.end(session_id, (body or EndSession()).reason)

    @router.post("/sessions/{session_id}/move", status_code=202, responses=problems(404, 409))
    async def move(session_id: Id) -> None:
        """Answers when the replica has been told; the session moves within about a second."""
        await service.move(session_id)

    @router.post("/replicas/{replica_id}/drain", status_code=202, responses=problems(404, 409))
    async def drain(replica_id: ReplicaId, body: DrainReplica | None = None) -> None:
        """Answers when the replica has been told; the replica is empty a few seconds later."""
        await service.drain(replica_id, anyway=(body or DrainReplica()).anyway)

    @router.post("/replicas/{replica_id}/undrain", status_code=202, responses=problems(404))
    async def undrain(replica_id: ReplicaId) -> None:
        await service.undrain(replica_id)

    @router.get("/replicas", response_model_exclude_none=True)
    async def replicas(limit: Limit = 50, after: After = "") -> OperatorReplicas:
        named = {replica.replica_id: replica for replica in await service.replicas()}
        ids, following = _page(sorted(named), limit=limit, after=after)
        shown = [views.replica_view(named[replica_id]) for replica_id in ids]
        return OperatorReplicas(replicas=shown, next=following)

    @router.get("/blocks", response_model_exclude_none=True)
    async def blocks(limit: Limit = 50, after: After = "") -> BlockedAddresses:
        found = await service.blocks(limit=limit + 1, after=after)
        shown = [views.block_view(block) for block in found[:limit]]
        following = shown[-1].address if len(found) > limit else None
        return BlockedAddresses(blocks=shown, next=following)

    @router.post("/blocks", status_code=201, responses=problems(409))
    async def block(body: BlockAddress) -> NewBlock:
        made = await service.block(body.address, seconds=60 * body.minutes, reason=body.reason)
        ended = await service.end_sessions_of(made.who) if body.end_sessions else 0
        return NewBlock(**views.block_view(made).model_dump(), ended=ended)

    @router.delete("/blocks/{address:path}", status_code=204, responses=problems(404))
    async def unblock(address: Address) -> None:
        await service.unblock(address)

    return router


def _page(names: Sequence[str], *, limit: int, after: str) -> tuple[Sequence[str], str | None]:
    """The names behind `after`, and where the next page begins."""
    rest = [name for name in names if name > after]
    return rest[:limit], rest[limit - 1] if len(rest) > limit else None
