"""From what a player recorded to figures. Pure: numbers in, numbers out."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from loadtest.player_log import NOTE_STAGES, PlayerLog

STAGES = ("network", *NOTE_STAGES)
LATE_PERIODS = 1.5
FREEZE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How a measure is spread over its samples."""

    num: int
    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How evenly frames came, from the first one until the player left.

    `low_fps`: the rate during the slowest 1 % of the gaps between frames.
    `num_late`: gaps longer than 1.5 frame periods. `num_freezes`: gaps longer than 200 ms.
    """

    fps: float
    low_fps: float
    num_late: int
    late_share: float
    num_freezes: int
    frozen_s: float
    longest_gap_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Photon:
    """One action on its way to the eye. `stage_ms`: in the order of STAGES, sum = total."""

    total_ms: float
    stage_ms: tuple[float, ...]


def percentiles(samples: Sequence[float]) -> tuple[float, ...]:
    """The values at 0, 1 ... 100 percent; empty when there is no sample."""
    if len(samples) < 2:
        return tuple(samples) * 101
    inner = statistics.quantiles(samples, n=100, method="inclusive")
    return (min(samples), *inner, max(samples))


def distribution(samples: Sequence[float]) -> Distribution | None:
    """None when there is no sample."""
    if not samples:
        return None
    at = percentiles(samples)
    return Distribution(
        num=len(samples), mean=statistics.fmean(samples), p50=at[50], p95=at[95], p99=at[99]
    )


def pace(arrivals: Sequence[float], *, left_at: float, period_s: float) -> Pace | None:
    """`arrivals`: seconds, ascending. None when fewer than two frames came.

    Silence before leaving counts as a gap once it is longer than a period, so that a stream that
    stopped does not keep the fps of its good days.
    """
    gaps = [after - before for before, after in pairwise(arrivals)]
    if not gaps:
        return None
    num_frames = len(gaps)
    silence = left_at - arrivals[-1]
    if silence > period_s:
        gaps.append(silence)
    slowest = sorted(gaps)[-math.ceil(len(gaps) / 100) :]
    freezes = [gap for gap in gaps if gap > FREEZE_S]
    num_late = sum(gap > LATE_PERIODS * period_s for gap in gaps)
    return Pace(
        fps=num_frames / sum(gaps),
        low_fps=len(slowest) / sum(slowest),
        num_late=num_late,
        late_share=num_late / len(gaps),
        num_freezes=len(freezes),
        frozen_s=sum(freezes),
        longest_gap_ms=1000 * max(gaps),
    )


def photons(log: PlayerLog) -> list[Photon]:
    """One sample per action: from sending it until the last packet of the first frame that saw it.

    An action that was merged into a newer one waited longer for the same frame; that wait is
    counted as queue.
    """
    found: list[Photon] = []
    newest_seen = 0
    for timestamp, arrival in sorted(log.arrivals.items(), key=lambda item: item[1].at):
        note = log.notes.get(timestamp)
        if note is None or note.action_seq not in log.sent_at:
            continue
        newest_sent_at = log.sent_at[note.action_seq]
        network_ms = 1000 * (arrival.at - newest_sent_at) - sum(note.waited_ms)
        queue_ms, *rest_ms = note.waited_ms
        for seq in range(newest_seen + 1, note.action_seq + 1):
            merged_ms = 1000 * (newest_sent_at - log.sent_at[seq])
            stage_ms = (network_ms, queue_ms + merged_ms, *rest_ms)
            found.append(Photon(total_ms=sum(stage_ms), stage_ms=stage_ms))
        newest_seen = max(newest_seen, note.action_seq)
    return found
