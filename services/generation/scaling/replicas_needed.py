"""How many replicas a world needs now. Rules without I/O and without a memory.

The number follows from sessions and slots alone, never from the present number of replicas, so the
rules cannot swing. Ray Serve adds the delays before a change (`serve_policy.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.generation.scaling.schedule import NEVER, Schedule

# Late frames of a second or two are a stall; what Serve averages over half a minute is too many
# sessions. Below this share players see no stutter.
LATE_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLoad:
    """`slots`: advertised; 0 on a replica that takes nobody. `used`: sessions on the replica.
    `late_share`: late frames of all frames, over the last half minute."""

    slots: int
    used: int
    late_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLoad:
    """The replicas of a world that have reported, and `waiting` queued sessions with their players
    present. `target`: replicas that should run now, those that still start included."""

    replicas: tuple[ReplicaLoad, ...]
    target: int
    waiting: int = 0

    @property
    def live(self) -> int:
        return sum(replica.used for replica in self.replicas)

    @property
    def late_share(self) -> float:
        """Of all sessions' frames, as every session shows as many."""
        late = sum(replica.used * replica.late_share for replica in self.replicas)
        return late / self.live if self.live else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """`warm_slots`: free slots that are kept ready, so that a newcomer waits for no start of a
    replica. `schedule`: replicas kept at certain hours."""

    min_replicas: int
    max_replicas: int
    warm_slots: int = 1
    schedule: Schedule = NEVER

    def __post_init__(self) -> None:
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise ValueError(
                f"replicas must be 1 <= min <= max, got {self.min_replicas} and {self.max_replicas}"
            )
        if self.warm_slots < 0:
            raise ValueError(f"warm_slots must be at least 0, got {self.warm_slots}")


def replicas_needed(load: FleetLoad, rules: ScalingRules, *, at: datetime) -> int:
    """Enough slots for live and waiting sessions and the warm ones, whichever replicas are stopped;
    more while frames are late. Between the bounds of `rules` and the schedule, but never fewer than
    hold the live sessions. While no replica has reported: as many as now, within the bounds."""
    least = max(rules.min_replicas, rules.schedule.least_replicas(at))
    slots = sorted(replica.slots for replica in load.replicas)
    if not any(slots):
        return min(max(load.target, least), rules.max_replicas)
    wanted = math.ceil((load.live + load.waiting) * _lateness(load)) + rules.warm_slots
    needed = min(max(_replicas_for(wanted, slots), least), rules.max_replicas)
    return max(needed, _replicas_for(load.live, slots))


def _lateness(load: FleetLoad) -> float:
    """The late sessions count twice: they need a second place for half of their frames at most."""
    return 1.0 + min(load.late_share, 1.0) if load.late_share > LATE_SHARE else 1.0


def _replicas_for(wanted_slots: int, slots: Sequence[int]) -> int:
    """The number of replicas with `wanted_slots` slots. Counts from the smallest on, because Serve
    chooses which replicas stop. A further replica is as large as the average one with slots."""
    found = 0
    for number, more in enumerate(slots):
        if found >= wanted_slots:
            return number
        found += more
    able = [number for number in slots if number]
    missing = max(0, wanted_slots - found)
    return len(slots) + math.ceil(missing * len(able) / sum(able))
