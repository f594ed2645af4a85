"""The policy as Ray Serve calls it: with Serve's own context and wrapper."""

import time
from typing import Any

import pytest
from ray.serve._private.autoscaling_state import _resolve_policy_callable
from ray.serve._private.common import DeploymentID, TimeStampedValue
from ray.serve.autoscaling_policy import _apply_autoscaling_config
from ray.serve.config import AutoscalingConfig, AutoscalingContext

from services.generation.deployment import _number_of_replicas
from services.generation.settings import GenerationSettings
from tests.services.generation.replica_kit import ReplicaBench

SETTINGS: dict[str, Any] = {"redis_url": "redis://none", "min_replicas": 1, "max_replicas": 5}


def config(**settings: Any) -> AutoscalingConfig:
    chosen = GenerationSettings(**SETTINGS | {"scale_out_after_s": 0.0} | settings)
    made = _number_of_replicas(chosen)["autoscaling_config"]
    assert isinstance(made, AutoscalingConfig)
    return made


def decide(config: AutoscalingConfig, *, target: int, **figures: list[float]) -> int:
    """What Serve would do. `figures`: a value of each replica."""
    newest = {name: dict(enumerate(values)) for name, values in figures.items()}
    raw = {
        name: {n: [TimeStampedValue(1.0, -1.0), TimeStampedValue(2.0, v)] for n, v in of.items()}
        for name, of in newest.items()
    }
    context = AutoscalingContext(
        deployment_id=DeploymentID(name="Generator"),
        deployment_name="Generator",
        app_name="nextframe",
        current_num_replicas=target,
        target_num_replicas=target,
        running_replicas=[],
        total_num_requests=0.0,
        total_queued_requests=0.0,
        aggregated_metrics=newest,  # type: ignore[arg-type]  # replicas by number
        raw_metrics=raw,  # type: ignore[arg-type]
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=5,
        policy_state={},
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=time.time(),
        config=config,
    )
    policy = _apply_autoscaling_config(_resolve_policy_callable(config.policy))
    number, _ = policy(context)
    return number


def test_serve_starts_replicas_for_the_waiting() -> None:
    figures = {"slots": [2.0], "used": [2.0], "waiting": [3.0], "late_share": [0.0]}
    assert decide(config(), target=1, **figures) == 3
    assert decide(config(scale_out_after_s=9.0), target=1, **figures) == 1


def test_serve_stops_replicas_that_nobody_needs() -> None:
    figures = {"slots": [2.0] * 3, "used": [1.0, 0.0, 0.0], "waiting": [0.0] * 3}
    assert decide(config(scale_in_after_s=0.0), target=3, **figures) == 1
    assert decide(config(), target=3, **figures) == 3  # only after ten minutes


def test_late_frames_on_average_start_another_replica() -> None:
    figures = {"slots": [4.0], "used": [4.0], "waiting": [0.0]}
    calm = config(warm_slots=0)
    assert decide(calm, target=1, **figures, late_share=[0.0]) == 1
    assert decide(calm, target=1, **figures, late_share=[0.3]) == 2


def test_before_the_first_report_serve_changes_nothing() -> None:
    assert decide(config(), target=2) == 2


def test_without_a_maximum_the_number_is_fixed() -> None:
    fixed = GenerationSettings(redis_url="redis://none", min_replicas=2)
    assert _number_of_replicas(fixed) == {"num_replicas": 2}


@pytest.mark.parametrize("bad", [{"min_replicas": 6}, {"schedule": "evenings 4"}])
def test_wrong_settings_are_refused_by_name(bad: dict[str, Any]) -> None:
    [name] = bad
    with pytest.raises(ValueError, match=name):
        GenerationSettings(**SETTINGS | bad)


@pytest.mark.redis
@pytest.mark.asyncio
async def test_a_replica_reports_slots_sessions_and_the_queue(bench: ReplicaBench) -> None:
    replica = await bench.replica(slots=2)
    await bench.queue("playing")
    _, link = await bench.play(replica, "playing")
    await bench.queue("waiting")
    await bench.queue("elsewhere", world="other")
    await link.receive_frame()
    figures = await replica.scaling_figures()
    assert {name: figures[name] for name in ("slots", "used", "waiting")} == {
        "slots": 2,
        "used": 1,
        "waiting": 1,
    }
    assert 0.0 <= figures["late_share"] <= 1.0
