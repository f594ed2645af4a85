"""The load test's result as plain values: one entry per player, then the spread over players.

`version` grows if a field changes name or meaning; a new field keeps the version. Knows neither
measurement nor presentation.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any

from loadtest.figures import STAGES, Distribution, Pace, distribution, pace, percentiles, photons
from loadtest.player_log import PlayerLog
from loadtest.scenario import Scenario
from loadtest.slo import SloVerdict

SCHEMA = "nextframe.loadtest"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Results of one player; None without a measurement.

    `place`: queue position at session creation; `first_frame_s`: seconds since the request for a
    session. `cdf_ms[i]`: the latency in ms met by i percent of the actions; empty without actions.
    `stage_ms`: the same samples by stage.
    """

    player: int
    is_full: bool
    place: int | None
    connected_s: float | None
    first_frame_s: float | None
    num_frames: int
    num_decoded: int
    picture: tuple[int, int] | None
    pace: Pace | None
    action_to_photon_ms: Distribution | None
    cdf_ms: tuple[float, ...]
    stage_ms: dict[str, Distribution]
    num_actions: int
    num_notes: int
    num_packets_lost: int
    video_bytes: int
    mean_steps: float | None
    max_level: int | None
    speculative_share: float | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One figure over all players. The worst player decides the service's quality."""

    worst: float
    median: float
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The distribution over players, and over all actions together."""

    num_players: int
    num_players_with_frames: int
    num_errors: int
    over_players: dict[str, Spread]
    action_to_photon_ms: Distribution | None
    cdf_ms: tuple[float, ...]
    stage_ms: dict[str, Distribution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Delays of the load test itself. Figures are unreliable if the delays exceed a few ms."""

    loop_lag_ms: Distribution | None
    cpu_share: float  # of one core


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    schema: str
    version: int
    machine: dict[str, Any]
    commit: str
    scenario: Scenario
    world: str
    period_ms: float
    users: tuple[Player, ...]
    summary: Summary
    overhead: Overhead
    verdict: SloVerdict

    def to_json(self) -> str:
        return json.dumps(_rounded(asdict(self)), indent=1)


def player_figures(log: PlayerLog, *, period_s: float) -> Player:
    arrivals = sorted(arrival.at for arrival in log.arrivals.values())
    found = photons(log)
    totals = [photon.total_ms for photon in found]
    notes = log.notes.values()
    return Player(
        player=log.player,
        is_full=log.is_full,
        place=log.place,
        connected_s=_since(log.joined_at, log.connected_at),
        first_frame_s=_since(log.joined_at, arrivals[0] if arrivals else None),
        num_frames=len(arrivals),
        num_decoded=log.num_decoded,
        picture=log.picture,
        pace=None
        if log.left_at is None
        else pace(arrivals, left_at=log.left_at, period_s=period_s),
        action_to_photon_ms=distribution(totals),
        cdf_ms=percentiles(totals),
        stage_ms=_by_stage([photon.stage_ms for photon in found]),
        num_actions=len(log.sent_at),
        num_notes=len(notes),
        num_packets_lost=log.num_packets_lost,
        video_bytes=sum(arrival.num_bytes for arrival in log.arrivals.values()),
        mean_steps=fmean(note.steps for note in notes) if notes else None,
        max_level=max((note.level for note in notes), default=None),
        speculative_share=fmean(note.is_speculative for note in notes) if notes else None,
        errors=tuple(log.errors),
    )


def summarise(players: Sequence[Player], logs: Sequence[PlayerLog]) -> Summary:
    every = [photon for log in logs for photon in photons(log)]
    totals = [photon.total_ms for photon in every]
    return Summary(
        num_players=len(players),
        num_players_with_frames=sum(player.num_frames > 0 for player in players),
        num_errors=sum(len(player.errors) for player in players),
        over_players=_over_players(players),
        action_to_photon_ms=distribution(totals),
        cdf_ms=percentiles(totals),
        stage_ms=_by_stage([photon.stage_ms for photon in every]),
    )


def _over_players(players: Sequence[Player]) -> dict[str, Spread]:
    paces = [player.pace for player in players if player.pace is not None]
    photon = [p.action_to_photon_ms for p in players if p.action_to_photon_ms is not None]
    waits = [p.first_frame_s for p in players if p.first_frame_s is not None]
    measures: dict[str, tuple[list[float], Callable[[list[float]], float]]] = {
        "fps": ([player.pace.fps if player.pace else 0.0 for player in players], min),
        "low_fps": ([p.low_fps for p in paces], min),
        "late_share": ([p.late_share for p in paces], max),
        "frozen_s": ([p.frozen_s for p in paces], max),
        "longest_gap_ms": ([p.longest_gap_ms for p in paces], max),
        "action_to_photon_p50_ms": ([d.p50 for d in photon], max),
        "action_to_photon_p95_ms": ([d.p95 for d in photon], max),
        "action_to_photon_p99_ms": ([d.p99 for d in photon], max),
        "first_frame_s": (waits, max),
    }
    return {
        name: Spread(
            worst=worst(values),
            median=median(values),
            best=min(values) if worst is max else max(values),
        )
        for name, (values, worst) in measures.items()
        if values
    }


def _by_stage(samples: Sequence[tuple[float, ...]]) -> dict[str, Distribution]:
    found = {
        stage: distribution([sample[i] for sample in samples]) for i, stage in enumerate(STAGES)
    }
    return {stage: spread for stage, spread in found.items() if spread is not None}


def _since(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _rounded(value: Any) -> Any:
    """The same, with floats a reader can read; a microsecond is the last digit that means much."""
    match value:
        case float():
            return round(value, 3)
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
        case _:
            return value
