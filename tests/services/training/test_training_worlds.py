"""Judge, canary, promote, roll back: as an operator does it, over a real Redis."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from services.backplane.connection import connect
from services.backplane.releases import ReleaseStore, VersionFigures
from services.backplane.replicas import ReplicaRegistry
from services.telemetry import add_problem_answers
from services.training.worlds.live import LEAST_SESSIONS
from services.training.worlds.routes import world_routes
from services.training.worlds.service import ReleaseService
from services.wire.release import Release
from tests.services.training.training_kit import GOOD_CARD, client_of, put_version, refused
from training.registry.registry import Registry
from training.registry.version import Controls

pytestmark = [pytest.mark.redis, pytest.mark.asyncio]


@dataclass(slots=True)
class Office:
    """World `toy` in three good versions, the API, and what Redis holds."""

    registry: Registry
    client: httpx.AsyncClient
    redis: Redis
    first: str
    second: str
    third: str

    @classmethod
    def open(cls, data: Path, redis: Redis) -> "Office":
        registry = Registry(data / "registry")
        app = FastAPI()
        add_problem_answers(app)
        app.include_router(world_routes(ReleaseService(registry, redis)))
        versions = [put_version(registry, number).digest for number in (1, 2, 3)]
        return cls(registry, client_of(app), redis, *versions)

    async def do(self, step: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/v1/worlds/toy/{step}", json=body or None)

    async def done(self, step: str, **body: Any) -> Any:
        answer = await self.do(step, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self) -> Any:
        return (await self.client.get("/v1/worlds/toy")).json()

    async def version(self, digest: str) -> Any:
        return next(v for v in (await self.look())["versions"] if v["digest"] == digest)

    async def published(self) -> Release | None:
        """What session and generation see."""
        return await ReleaseStore(self.redis).get("toy")


@pytest.fixture
def office(tmp_path: Path, redis: Redis) -> Office:
    return Office.open(tmp_path, redis)


async def test_from_candidate_to_current_and_back(office: Office) -> None:
    first, second = office.first, office.second
    assert {v["role"] for v in (await office.run())["versions"]} == {"candidate"}
    await office.done("promote", digest=first)
    assert await office.published() == Release(world="toy", current=first)
    await office.done("canary", digest=second, share=0.1)
    await office.done("canary", digest=second, share=0.3)
    release = await office.published()
    assert release == Release(world="toy", current=first, canary=second, canary_share=0.3)
    world = await office.done("promote", digest=second)
    assert await office.published() == Release(world="toy", current=second, previous=first)
    roles = {v["digest"]: v["role"] for v in world["versions"]}
    assert roles == {second: "current", first: "previous", office.third: "candidate"}
    await office.done("rollback")
    assert await office.published() == Release(world="toy", current=first, previous=second)
    steps = [step["action"] for step in (await office.run())["steps"]]
    assert steps == ["promote", "canary", "canary", "promote", "roll back"]


async def test_a_canary_that_is_rolled_back_is_a_candidate_again(office: Office) -> None:
    await office.done("promote", digest=office.first)
    await office.done("canary", digest=office.second, share=0.1)
    world = await office.done("rollback")
    assert (world["current"], world["canary"]) == (office.first, "")
    assert (await office.version(office.second))["role"] == "candidate"


async def test_steps_out_of_order_say_which_come_first(office: Office) -> None:
    assert refused(
        await office.do("canary", digest=office.first, share=0.1), 409, "wrong-step", "promote"
    )
    assert refused(await office.do("rollback"), 409, "wrong-step", "no earlier version")
    await office.done("promote", digest=office.first)
    assert refused(
        await office.do("promote", digest=office.second), 409, "wrong-step", "Only the canary"
    )
    await office.done("canary", digest=office.second, share=0.1)
    third = await office.do("canary", digest=office.third, share=0.1)
    assert refused(third, 409, "wrong-step", "Another version is the canary")


@pytest.mark.parametrize(
    "worse, said",
    [
        ({"action_f1": 0.15}, "actions are read"),
        ({"frechet_student": 12.0}, "current release"),
        ({"psnr_16": float("nan")}, "psnr_16"),
        ({"horizon": []}, "horizon"),
    ],
)
async def test_a_worse_version_is_rejected_with_the_rule_that_it_broke(
    office: Office, worse: dict[str, Any], said: str
) -> None:
    await office.done("promote", digest=office.first)
    bad = put_version(office.registry, 9, card=GOOD_CARD | worse).digest
    assert not (await office.version(bad))["verdict"]["accepted"]
    assert refused(await office.do("canary", digest=bad, share=0.1), 409, "rejected", said)
    assert await office.published() == Release(world="toy", current=office.first)


async def test_a_release_with_older_figures_is_compared_once_it_is_measured_again(
    office: Office,
) -> None:
    """By other passages both would seem to be equals."""
    await office.done("promote", digest=office.first)
    by_new = {"yardstick": GOOD_CARD["yardstick"] | {"passages": "new"}}
    candidate = put_version(office.registry, 9, card=GOOD_CARD | by_new).digest
    asked = await office.do("canary", digest=candidate, share=0.1)
    assert refused(asked, 409, "rejected", "do not compare, they were measured differently")
    again = GOOD_CARD | by_new | {"world_digest": office.first}
    office.registry.keep_figures("toy", again | {"frechet_student": 8.0})
    worse = await office.do("canary", digest=candidate, share=0.1)
    assert refused(worse, 409, "rejected", "10% above the current release")
    office.registry.keep_figures("toy", again)
    await office.done("canary", digest=candidate, share=0.1)


async def test_a_version_that_nobody_measured_is_rejected(office: Office) -> None:
    unmeasured = put_version(office.registry, 9, card=None).digest
    assert refused(await office.do("promote", digest=unmeasured), 409, "rejected", "no whole")


async def test_a_version_with_other_controls_gets_no_players(office: Office) -> None:
    await office.done("promote", digest=office.first)
    other = put_version(
        office.registry, 9, controls=Controls(buttons=("jump",), degrees_per_count=0.1)
    )
    answer = await office.do("canary", digest=other.digest, share=0.1)
    assert refused(answer, 409, "other-controls")


async def test_versions_are_compared_by_how_their_sessions_fare(office: Office) -> None:
    await office.done("promote", digest=office.first)
    await office.done("canary", digest=office.second, share=0.2)
    figures = VersionFigures(office.redis)
    played = {"frames": 17_500, "played_ms": 1_000_000}
    await figures.add(office.first, {"sessions": 100, "failed": 1, **played})
    assert (await office.run())["comparison"]["advice"] == "wait"
    slower = {"sessions": LEAST_SESSIONS, **played, "played_ms": 1_050_000}
    await figures.add(office.second, slower)
    assert (await office.run())["comparison"]["advice"] == "promote"
    assert (await office.version(office.second))["live"]["fps"] == pytest.approx(16.67, abs=0.01)
    await figures.add(office.second, {"lost": 3})
    comparison = (await office.run())["comparison"]
    assert comparison["advice"] == "roll back" and "15.0% of sessions broke" in str(comparison)


async def test_an_operator_sees_who_serves_a_version_and_from_where(office: Office) -> None:
    await ReplicaRegistry(office.redis).heartbeat(
        "r", slots=4, used=1, world="toy", draining=False, world_digest=office.first
    )
    served = await office.version(office.first)
    assert (served["replicas"], served["slots"], served["used"]) == (1, 4, 1)
    assert Path(served["folder"]).name == office.first
    assert served["figures"]["psnr_16"] == 22.0 and "horizon" not in served["figures"]


async def test_a_redis_that_forgot_is_told_again(office: Office) -> None:
    await office.done("promote", digest=office.first)
    await office.redis.flushall()
    await ReleaseService(office.registry, office.redis).republish()
    assert await office.published() == Release(world="toy", current=office.first)


@pytest_asyncio.fixture
async def lonely(tmp_path: Path) -> AsyncIterator[Office]:
    """An office without a Redis."""
    async with connect("redis://127.0.0.1:1") as nowhere:
        yield Office.open(tmp_path, nowhere)


async def test_without_redis_a_release_is_kept_and_figures_are_unknown(lonely: Office) -> None:
    world = await lonely.done("promote", digest=lonely.first)
    assert world["current"] == lonely.first
    assert {version["live"] for version in world["versions"]} == {None}


@pytest.mark.parametrize(
    "step, body",
    [
        ("canary", {"digest": "x", "share": 0.1}),
        ("canary", {"digest": "0" * 64, "share": 0}),
        ("canary", {"digest": "0" * 64, "share": 0.9}),
        ("promote", {"digest": "0" * 64, "force": True}),
    ],
)
async def test_a_step_out_of_bounds_is_refused(
    office: Office, step: str, body: dict[str, Any]
) -> None:
    assert refused(await office.do(step, **body), 422, "bad-request")


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    assert refused(await office.do("promote", digest="f" * 64), 404, "version-not-found")
    mars = await office.client.post("/v1/worlds/mars/rollback")
    assert refused(mars, 404, "world-not-found")
