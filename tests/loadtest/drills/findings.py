"""Findings of a drill without harm, to be modified by tests."""

from loadtest.drills.plan import DrillPlan
from loadtest.drills.report import (
    PHASES,
    AttackFigures,
    DrillPhase,
    Findings,
    MemoryFigures,
    PhasePace,
    PlayerFigures,
)

MB = 1 << 20
COUNTED = {
    "ingest nextframe_datagrams_dropped{reason=stranger}": 6000.0,
    "ingest nextframe_datagrams_dropped{reason=size}": 6000.0,
    "ingest nextframe_http_connections_ended{reason=made_room}": 900.0,
    "session nextframe_http_connections_ended{reason=made_room}": 900.0,
    "ingest nextframe_actions{outcome=too_many}": 9000.0,
    "ingest nextframe_actions{outcome=abuse}": 8.0,
    "ingest nextframe_peers_cut_off{fault=flood}": 12.0,
}
TALLY = {
    "request heads": {"begun": 60, "431": 60},
    "actions (WebSocket)": {"sent": 25_000, "closed 4429": 8},
    "actions (data channel)": {"sent": 20_000},
    "NACK packets": {"sent": 1200},
    "watchers": {"201": 8, "429": 92},
    "garbage offers": {"400": 20, "401": 400, "429": 180},
    "creations": {"429": 900},
}


def pace(fps: float) -> PhasePace:
    return PhasePace(fps=fps, late_share=0.01, longest_gap_ms=90.0)


def player(*fps: float, errors: tuple[str, ...] = ()) -> PlayerFigures:
    phases = tuple(map(pace, fps))
    return PlayerFigures(player=0, address="127.0.0.11", phases=phases, errors=errors)


def memory(*, before: int = 100, peak: int = 105, ended: bool = False) -> MemoryFigures:
    """Arguments are in MB."""
    return MemoryFigures(
        name="ingest", before=before * MB, peak=peak * MB, after=peak * MB, ended=ended
    )


def attack(
    counted: dict[str, float] = COUNTED,
    tally: dict[str, dict[str, int]] = TALLY,
    cpu_share: float = 0.5,
) -> AttackFigures:
    return AttackFigures(seconds=60.0, cpu_share=cpu_share, tally=tally, counted=counted)


def findings(
    players: tuple[PlayerFigures, ...] = (player(17.5, 17.0, 17.5),),
    memories: tuple[MemoryFigures, ...] = (memory(),),
    attacked: AttackFigures | None = None,
) -> Findings:
    phases = tuple(
        DrillPhase(
            name=name,
            began=60.0 * n,
            ended=60.0 * (n + 1),
            cpu={"ingest": 0.3},
            others=0.1,
            load=2.0,
        )
        for n, name in enumerate(PHASES)
    )
    return Findings(
        plan=DrillPlan(),
        phases=phases,
        players=players,
        memory=memories,
        redis_keys=(20, 40, 30),
        attack=attacked or attack(),
    )
