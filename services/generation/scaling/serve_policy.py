"""The rules as an autoscaling policy of Ray Serve. Runs in Serve's controller, ten times a second.

Replicas report what they advertise (`Replica.scaling_figures`) every few seconds; Serve keeps the
reports. Serve also applies the delays of `AutoscalingConfig` and its bounds. Reads no Redis: the
controller must not wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from services.generation.scaling.replicas_needed import (
    FleetLoad,
    ReplicaLoad,
    ScalingRules,
    replicas_needed,
)
from services.generation.scaling.schedule import Schedule

POLICY = "services.generation.scaling.serve_policy:SlotPolicy"


class Reading(Protocol):
    """A figure at a time, as Serve keeps it."""

    @property
    def value(self) -> float: ...


class ServeContext(Protocol):
    """What the policy reads of Serve's `AutoscalingContext`. `raw_metrics`: figure -> replica ->
    readings, oldest first; `aggregated_metrics`: the averages over the look-back period."""

    @property
    def raw_metrics(self) -> Mapping[str, Mapping[Any, Sequence[Reading]]] | None: ...
    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[Any, float]] | None: ...
    @property
    def target_num_replicas(self) -> int: ...
    @property
    def current_time(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """Serve makes one for each deployment, with the `policy_kwargs` of the configuration."""

    min_replicas: int
    max_replicas: int
    warm_slots: int
    schedule: str

    def __call__(self, context: ServeContext) -> tuple[int, dict[str, Any]]:
        rules = ScalingRules(
            min_replicas=self.min_replicas,
            max_replicas=self.max_replicas,
            warm_slots=self.warm_slots,
            schedule=Schedule.parse(self.schedule),
        )
        at = datetime.fromtimestamp(context.current_time or 0.0, UTC)
        return replicas_needed(fleet_load(context), rules, at=at), {}


def fleet_load(context: ServeContext) -> FleetLoad:
    newest = {
        figure: {
            replica: readings[-1].value for replica, readings in by_replica.items() if readings
        }
        for figure, by_replica in (context.raw_metrics or {}).items()
    }
    used, waiting = newest.get("used", {}), newest.get("waiting", {})
    late = (context.aggregated_metrics or {}).get("late_share", {})
    return FleetLoad(
        replicas=tuple(
            ReplicaLoad(
                slots=int(slots),
                used=int(used.get(replica, 0)),
                late_share=float(late.get(replica) or 0.0),
            )
            for replica, slots in newest.get("slots", {}).items()
        ),
        target=context.target_num_replicas,
        # Every replica counts the same queue.
        waiting=int(max(waiting.values(), default=0)),
    )
