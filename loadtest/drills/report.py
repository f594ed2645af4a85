"""What a drill found, as it goes into `build/drill.json`."""

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
    """`phases`: in the order of PHASES. `errors`: why the session ended, if it did."""

    player: int
    address: str
    phases: tuple[PhasePace, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFigures:
    """Bytes of one process, or of what Redis holds: at the end of the phase before, the most of
    any second since, and at the end. `ended`: it ran no more then."""

    name: str
    before: int
    peak: int
    after: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPhase:
    """`began`, `ended`: seconds of `time.monotonic`. `cpu`: by process, the processor time that it
    took in seconds per second. `others`: the same of everything that is not the drill's. `load`:
    the machine's load average at the end."""

    name: str
    began: float
    ended: float
    cpu: dict[str, float]
    others: float
    load: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackFigures:
    """`tally`: by attack, what was sent and what came back. `counted`: what the services' counters
    gained meanwhile. `cpu_share`: of one core, the attacker's."""

    seconds: float
    cpu_share: float
    tally: dict[str, dict[str, int]]
    counted: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """`phases`: in the order of PHASES. `redis_keys`: before, the most since, after."""

    plan: DrillPlan
    phases: tuple[DrillPhase, ...]
    players: tuple[PlayerFigures, ...]
    memory: tuple[MemoryFigures, ...]
    redis_keys: tuple[int, int, int]
    attack: AttackFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """`harm`: what must not happen and did. `missing`: attacks that did not arrive, with which
    the drill proves nothing."""

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
