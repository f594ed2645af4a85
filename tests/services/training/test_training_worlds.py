"""Evaluation, canary, promotion and rollback by an operator, over a real Redis."""

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
class ReleasesHarness:
    """World `toy` in three accepted versions, the API, and Redis."""

    registry: Registry
    client: httpx.AsyncClient
    redis: Redis
    first: str
    second: str
    third: str

    @classmethod
    def open(cls, data: Path, redis: Redis) -> "ReleasesHarness":
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

    async def view(self) -> Any:
        return (await self.client.get("/v1/worlds/toy")).json()

    async def version(self, digest: str) -> Any:
        return next(v for v in (await self.view())["versions"] if v["digest"] == digest)

    async def published(self) -> Release | None:
        """The release as session and generation see the release."""
        return await ReleaseStore(self.redis).get("toy")


@pytest.fixture
def harness(tmp_path: Path, redis: Redis) -> ReleasesHarness:
    return ReleasesHarness.open(tmp_path, redis)


async def test_from_candidate_to_current_and_back(harness: ReleasesHarness) -> None:
    first, second = harness.first, harness.second
    assert {v["role"] for v in (await harness.view())["versions"]} == {"candidate"}
    await harness.done("promote", digest=first)
    assert await harness.published() == Release(world="toy", current=first)
    await harness.done("canary", digest=second, share=0.1)
    await harness.done("canary", digest=second, share=0.3)
    release = await harness.published()
    assert release == Release(world="toy", current=first, canary=second, canary_share=0.3)
    world = await harness.done("promote", digest=second)
    assert await harness.published() == Release(world="toy", current=second, previous=first)
    roles = {v["digest"]: v["role"] for v in world["versions"]}
    assert roles == {second: "current", first: "previous", harness.third: "candidate"}
    await harness.done("rollback")
    assert await harness.published() == Release(world="toy", current=first, previous=second)
    steps = [step["action"] for step in (await harness.view())["steps"]]
    assert steps == ["promote", "canary", "canary", "promote", "roll back"]


async def test_a_canary_that_is_rolled_back_is_a_candidate_again(harness: ReleasesHarness) -> None:
    await harness.done("promote", digest=harness.first)
    await harness.done("canary", digest=harness.second, share=0.1)
    world = await harness.done("rollback")
    assert (world["current"], world["canary"]) == (harness.first, "")
    assert (await harness.version(harness.second))["role"] == "candidate"


async def test_steps_out_of_order_say_which_come_first(harness: ReleasesHarness) -> None:
    assert refused(
        await harness.do("canary", digest=harness.first, share=0.1), 409, "wrong-step", "promote"
    )
    assert refused(await harness.do("rollback"), 409, "wrong-step", "no earlier version")
    await harness.done("promote", digest=harness.first)
    assert refused(
        await harness.do("promote", digest=harness.second), 409, "wrong-step", "Only the canary"
    )
    await harness.done("canary", digest=harness.second, share=0.1)
    third = await harness.do("canary", digest=harness.third, share=0.1)
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
    harness: ReleasesHarness, worse: dict[str, Any], said: str
) -> None:
    await harness.done("promote", digest=harness.first)
    bad = put_version(harness.registry, 9, card=GOOD_CARD | worse).digest
    assert not (await harness.version(bad))["verdict"]["accepted"]
    assert refused(await harness.do("canary", digest=bad, share=0.1), 409, "rejected", said)
    assert await harness.published() == Release(world="toy", current=harness.first)


async def test_a_release_with_older_figures_is_compared_once_it_is_measured_again(
    harness: ReleasesHarness,
) -> None:
    """With different evaluation clips both versions would look equal."""
    await harness.done("promote", digest=harness.first)
    by_new = {"yardstick": GOOD_CARD["yardstick"] | {"passages": "new"}}
    candidate = put_version(harness.registry, 9, card=GOOD_CARD | by_new).digest
    asked = await harness.do("canary", digest=candidate, share=0.1)
    assert refused(asked, 409, "rejected", "do not compare, they were measured differently")
    again = GOOD_CARD | by_new | {"world_digest": harness.first}
    harness.registry.keep_figures("toy", again | {"frechet_student": 8.0})
    worse = await harness.do("canary", digest=candidate, share=0.1)
    assert refused(worse, 409, "rejected", "10% above the current release")
    harness.registry.keep_figures("toy", again)
    await harness.done("canary", digest=candidate, share=0.1)


async def test_a_version_that_nobody_measured_is_rejected(harness: ReleasesHarness) -> None:
    unmeasured = put_version(harness.registry, 9, card=None).digest
    assert refused(await harness.do("promote", digest=unmeasured), 409, "rejected", "no whole")


async def test_a_version_with_other_controls_gets_no_players(harness: ReleasesHarness) -> None:
    await harness.done("promote", digest=harness.first)
    other = put_version(
        harness.registry, 9, controls=Controls(buttons=("jump",), degrees_per_count=0.1)
    )
    answer = await harness.do("canary", digest=other.digest, share=0.1)
    assert refused(answer, 409, "other-controls")


async def test_versions_are_compared_by_how_their_sessions_fare(harness: ReleasesHarness) -> None:
    await harness.done("promote", digest=harness.first)
    await harness.done("canary", digest=harness.second, share=0.2)
    figures = VersionFigures(harness.redis)
    played = {"frames": 17_500, "played_ms": 1_000_000}
    await figures.add(harness.first, {"sessions": 100, "failed": 1, **played})
    assert (await harness.view())["comparison"]["advice"] == "wait"
    slower = {"sessions": LEAST_SESSIONS, **played, "played_ms": 1_050_000}
    await figures.add(harness.second, slower)
    assert (await harness.view())["comparison"]["advice"] == "promote"
    assert (await harness.version(harness.second))["live"]["fps"] == pytest.approx(16.67, abs=0.01)
    await figures.add(harness.second, {"lost": 3})
    comparison = (await harness.view())["comparison"]
    assert comparison["advice"] == "roll back" and "15.0% of sessions broke" in str(comparison)


async def test_an_operator_sees_who_serves_a_version_and_from_where(
    harness: ReleasesHarness,
) -> None:
    await ReplicaRegistry(harness.redis).heartbeat(
        "r", slots=4, used=1, world="toy", draining=False, world_digest=harness.first
    )
    served = await harness.version(harness.first)
    assert (served["replicas"], served["slots"], served["used"]) == (1, 4, 1)
    assert Path(served["folder"]).name == harness.first
    assert served["figures"]["psnr_16"] == 22.0 and "horizon" not in served["figures"]


async def test_a_redis_that_forgot_is_told_again(harness: ReleasesHarness) -> None:
    await harness.done("promote", digest=harness.first)
    await harness.redis.flushall()
    await ReleaseService(harness.registry, harness.redis).republish()
    assert await harness.published() == Release(world="toy", current=harness.first)


@pytest_asyncio.fixture
async def lonely(tmp_path: Path) -> AsyncIterator[ReleasesHarness]:
    """A harness without a Redis."""
    async with connect("redis://127.0.0.1:1") as nowhere:
        yield ReleasesHarness.open(tmp_path, nowhere)


async def test_without_redis_a_release_is_kept_and_figures_are_unknown(
    lonely: ReleasesHarness,
) -> None:
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
    harness: ReleasesHarness, step: str, body: dict[str, Any]
) -> None:
    assert refused(await harness.do(step, **body), 422, "bad-request")


async def test_what_is_not_there_is_not_found(harness: ReleasesHarness) -> None:
    assert refused(await harness.do("promote", digest="f" * 64), 404, "version-not-found")
    mars = await harness.client.post("/v1/worlds/mars/rollback")
    assert refused(mars, 404, "world-not-found")
