"""A replica drains when Serve stops it, and at no other silence of Serve."""

import pytest
from ray import serve
from ray.serve._private.common import (
    DeploymentStatus,
    DeploymentStatusTrigger,
    ReplicaState,
)
from ray.serve.schema import (
    ApplicationStatus,
    ApplicationStatusOverview,
    DeploymentStatusOverview,
    ServeStatus,
)

from services.generation.serve_watch import SILENT_S, ServeWatch, is_any_stopping
from tests.fakes import FakeClock

pytestmark = pytest.mark.asyncio


class Serve:
    """What Serve answers, and what the replica was told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.stops = False
        self.is_away = False
        self.changes: list[bool] = []
        self.watch = ServeWatch(self._is_any_stopping, self.changes.append, self.clock)

    def _is_any_stopping(self) -> bool:
        if self.is_away:
            raise RuntimeError("no controller")
        return self.stops

    async def silent(self, seconds: float = SILENT_S) -> None:
        self.clock.advance(seconds)
        await self.watch.look()


async def test_a_replica_that_serve_stops_is_told_once() -> None:
    serve = Serve()
    serve.stops = True
    await serve.silent()
    await serve.silent()
    assert serve.changes == [True]


async def test_health_checks_and_a_silent_controller_tell_nothing() -> None:
    serve = Serve()
    for serve.stops, serve.is_away in ((False, False), (True, True)):
        await serve.silent()
    serve.is_away = False
    for _ in range(3):  # another replica stops, this one is asked for its health
        serve.watch.note_health_check()
        await serve.silent(SILENT_S / 2)
    assert serve.changes == []


async def test_a_replica_that_was_only_slow_takes_sessions_again() -> None:
    serve = Serve()
    serve.stops = True
    await serve.silent()
    serve.watch.note_health_check()
    await serve.silent(0.1)
    assert serve.changes == [True, False]


@pytest.mark.parametrize("kind", [str, ReplicaState])
async def test_replicas_that_stop_are_found_in_serves_own_status(
    monkeypatch: pytest.MonkeyPatch, kind: type[str]
) -> None:
    """Serve's status has plain text in place of its enum."""

    def status(**states: int) -> None:
        deployment = DeploymentStatusOverview(
            status=DeploymentStatus.UPSCALING,
            status_trigger=DeploymentStatusTrigger.UNSPECIFIED,
            replica_states={kind(name): number for name, number in states.items()},  # type: ignore[misc]
            message="",
        )
        application = ApplicationStatusOverview(
            status=ApplicationStatus.RUNNING,
            message="",
            last_deployed_time_s=0.0,
            deployments={"Generator": deployment},
        )
        whole = ServeStatus(applications={"nextframe": application})
        monkeypatch.setattr(serve, "status", lambda: whole)

    status(RUNNING=2, STOPPING=1)
    assert is_any_stopping("nextframe", "Generator")
    status(RUNNING=2, STOPPING=0)
    assert not is_any_stopping("nextframe", "Generator")
    assert not is_any_stopping("nextframe", "Other") and not is_any_stopping("gone", "Generator")
