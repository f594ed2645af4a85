"""HTTP routes of the releases; `service.py` holds the rules."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from services.openapi import ALWAYS, problems
from services.training.worlds.live import compare
from services.training.worlds.service import ReleaseService, VersionStatus
from services.wire.release import MAX_CANARY_SHARE, Release
from training.registry.registry import DIGEST, NAME

WorldName = Annotated[str, Path(pattern=f"^{NAME.pattern}$")]
Digest = Annotated[str, Field(pattern=f"^{DIGEST.pattern}$")]


class Canary(BaseModel):
    """`share`: share of new sessions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    digest: Digest
    share: Annotated[float, Field(gt=0, le=MAX_CANARY_SHARE)]


class Promotion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    digest: Digest


def world_routes(service: ReleaseService) -> APIRouter:
    router = APIRouter(prefix="/v1/worlds", responses=problems(*ALWAYS, 401))

    @router.get("")
    async def worlds() -> dict[str, Any]:
        return {"worlds": [await _view(service, name) for name in service.registry.names()]}

    @router.get("/{name}", responses=problems(404))
    async def world(name: WorldName) -> dict[str, Any]:
        return await _view(service, name)

    @router.post("/{name}/canary", responses=problems(404, 409))
    async def canary(name: WorldName, body: Canary) -> dict[str, Any]:
        await service.canary(name, body.digest, body.share)
        return await _view(service, name)

    @router.post("/{name}/promote", responses=problems(404, 409))
    async def promote(name: WorldName, body: Promotion) -> dict[str, Any]:
        await service.promote(name, body.digest)
        return await _view(service, name)

    @router.post("/{name}/rollback", responses=problems(404, 409))
    async def roll_back(name: WorldName) -> dict[str, Any]:
        await service.roll_back(name)
        return await _view(service, name)

    return router


async def _view(service: ReleaseService, name: str) -> dict[str, Any]:
    page, version_statuses = service.page(name), await service.version_statuses(name)
    return {
        "name": name,
        **{key: value for key, value in asdict(page.release).items() if key != "world"},
        "comparison": _comparison(page.release, version_statuses),
        "steps": [asdict(step) for step in page.steps],
        "versions": [_version_view(service, page.release, status) for status in version_statuses],
    }


def _version_view(
    service: ReleaseService, release: Release, status: VersionStatus
) -> dict[str, Any]:
    """`folder`: what a replica is given to serve this version."""
    version, live, replicas = status.version, status.live, status.replicas
    roles = {release.current: "current", release.canary: "canary", release.previous: "previous"}
    figures = version.card or {}
    return {
        "digest": version.digest,
        "label": version.label,
        "title": version.title,
        "role": roles.get(version.digest, "candidate"),
        "created_at": version.created_at,
        "run_id": version.run_id,
        "lineage": asdict(version.lineage),
        "folder": str(service.registry.folder(version.name, version.digest)),
        "figures": {k: v for k, v in figures.items() if isinstance(v, int | float)},
        "verdict": asdict(status.verdict),
        "live": live and asdict(live) | {"fps": live.fps, "stay_s": live.stay_s},
        "replicas": len(replicas),
        "slots": sum(replica.slots for replica in replicas),
        "used": sum(replica.used for replica in replicas),
    }


def _comparison(release: Release, version_statuses: list[VersionStatus]) -> dict[str, Any] | None:
    """Of canary and current; None without a canary, or while nobody can be asked."""
    live = {status.version.digest: status.live for status in version_statuses}
    canary, current = live.get(release.canary), live.get(release.current)
    return asdict(compare(canary, current)) if canary and current else None
