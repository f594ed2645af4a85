"""The result of a drill, stored in `build/drill.json`."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.drills.plan import DrillPlan

SCHEMA = "nextframe.drill"
VERSION = 1
PHASES = ("before", "attack", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePace:
    """One player during one phase."""

    fps: float
    late_share: float
    longest_gap_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerFigures:
    """`phases`: in the order of PHASES. `errors`: reasons for an early end of the session."""

    player: int
    address: str
    phases: tuple[PhasePace, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """Bytes of one process, or of Redis' data: at the end of the first phase, the later maximum,
    and at the end. `ended`: the process had ended."""

    name: str
    before: int
    peak: int
    after: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPhase:
    """`began`, `ended`: seconds of `time.monotonic`. `cpu`: process -> processor seconds per
    second. `others`: the same for all other processes of the machine. `load`: load average at the
    end."""

    name: str
    began: float
    ended: float
    cpu: dict[str, float]
    others: float
    load: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackFigures:
    """`tally`: attack -> sent and received events. `counted`: increase of the services' counters.
    `cpu_share`: share of one core used by the attacker."""

    seconds: float
    cpu_share: float
    tally: dict[str, dict[str, int]]
    counted: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`phases`: in the order of PHASES. `redis_keys`: before, maximum, after."""

    plan: DrillPlan
    phases: tuple[DrillPhase, ...]
    players: tuple[PlayerFigures, ...]
    memory: tuple[MemoryFigures, ...]
    redis_keys: tuple[int, int, int]
    attack: AttackFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """`harm`: forbidden effects that occurred. `missing`: attacks that did not arrive; with a
    missing attack the drill proves nothing."""

    machine: dict[str, Any]
    commit: str
    findings: Findings
    harm: tuple[str, ...]
    missing: tuple[str, ...]
    drill: str = "hostile"
    schema: str = SCHEMA
    version: int = VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)
