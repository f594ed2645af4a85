"""Computes figures from a player's log. Pure functions."""

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
    """Percentiles and mean of a measure."""

    num: int
    mean: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Regularity of frames from the first frame until the player left.

    `low_fps`: frame rate during the slowest 1 % of the gaps between frames. `num_late`: gaps longer
    than 1.5 frame periods. `num_freezes`: gaps longer than 200 ms.
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
    """The latency of one action (action to photon). `stage_ms`: in the order of STAGES, sum =
    total."""

    total_ms: float
    stage_ms: tuple[float, ...]


def percentiles(samples: Sequence[float]) -> tuple[float, ...]:
    """Returns the values at 0, 1 ... 100 percent; empty without samples."""
    if len(samples) < 2:
        return tuple(samples) * 101
    inner = statistics.quantiles(samples, n=100, method="inclusive")
    return (min(samples), *inner, max(samples))


def distribution(samples: Sequence[float]) -> Distribution | None:
    """Returns None without samples."""
    if not samples:
        return None
    at = percentiles(samples)
    return Distribution(
        num=len(samples), mean=statistics.fmean(samples), p50=at[50], p95=at[95], p99=at[99]
    )


def pace(arrivals: Sequence[float], *, left_at: float, period_s: float) -> Pace | None:
    """`arrivals`: ascending, in seconds. Returns None with fewer than two frames.

    Silence longer than a period before leaving counts as a gap. Otherwise a stopped stream would
    keep the frame rate of the earlier frames.
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
    """Returns one sample per action: the time from sending until the last packet of the first frame
    with the action.

    An action merged into a newer action waited longer for the same frame; the additional wait
    counts as queue time.
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
