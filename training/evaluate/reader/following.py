"""Does the dream do what was pressed? What the reader reads in it, against what was asked.

Shape letters: M frames, E events: one per button, then turning left and turning right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.evaluate.confidence import Estimate, estimate
from training.evaluate.reader.reading import Actions


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScore:
    """`asked` counts the frames in which it was asked for."""

    precision: float
    recall: float
    f1: float
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """`f1` is the mean over the events that were asked for at all; camera errors are absolute."""

    f1: Estimate
    events: dict[str, EventScore]
    yaw_error_bins: Estimate
    yaw_error_deg: Estimate


def measure_following(
    space: ActionSpace, asked: Sequence[Actions], read: Sequence[Actions]
) -> Following:
    """One `Actions` per start, asked and read frame by frame."""
    counts_SE3 = np.stack(
        [_counts(_events(space, a), _events(space, r)) for a, r in zip(asked, read, strict=True)]
    )
    bins_deg = np.array(space.yaw_bins_deg)
    pairs = [(a.yaw_bins, r.yaw_bins) for a, r in zip(asked, read, strict=True)]
    bins_S = np.array([np.abs(a - r).mean() for a, r in pairs])
    degrees_S = np.array([np.abs(bins_deg[a] - bins_deg[r]).mean() for a, r in pairs])
    num_starts = len(counts_SE3)
    return Following(
        f1=estimate(lambda starts: _macro_f1(counts_SE3[starts].sum(axis=0)), num_starts),
        events=dict(zip(event_names(space), map(_score, counts_SE3.sum(axis=0)), strict=True)),
        yaw_error_bins=estimate(lambda starts: float(bins_S[starts].mean()), num_starts),
        yaw_error_deg=estimate(lambda starts: float(degrees_S[starts].mean()), num_starts),
    )


def shuffled(asked: Sequence[Actions]) -> list[Actions]:
    """The same actions in another order across all starts: what chance would score."""
    lengths = [len(actions.yaw_bins) for actions in asked]
    order = np.random.default_rng(0).permutation(sum(lengths))
    whole = Actions(
        buttons=np.concatenate([actions.buttons for actions in asked])[order],
        yaw_bins=np.concatenate([actions.yaw_bins for actions in asked])[order],
    )
    ends = np.cumsum(lengths)
    return [whole.take(slice(end - length, end)) for end, length in zip(ends, lengths, strict=True)]


def event_names(space: ActionSpace) -> tuple[str, ...]:
    return (*space.model_buttons, "turn left", "turn right")


def _events(space: ActionSpace, actions: Actions) -> NDArray[np.bool_]:
    """(M, E)"""
    straight = space.yaw_bins_deg.index(0.0)
    turns = np.stack((actions.yaw_bins < straight, actions.yaw_bins > straight), axis=1)
    return np.concatenate((actions.buttons, turns), axis=1)


def _counts(asked_ME: NDArray[np.bool_], read_ME: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(E, 3): asked and read, read only, asked only."""
    outcomes = (asked_ME & read_ME, ~asked_ME & read_ME, asked_ME & ~read_ME)
    return np.stack([outcome.sum(axis=0) for outcome in outcomes], axis=1)


def _macro_f1(counts_E3: NDArray[np.int64]) -> float:
    scores = [_score(counts) for counts in counts_E3]
    asked = [score.f1 for score in scores if score.asked]
    return float(np.mean(asked)) if asked else float("nan")


def _score(counts_3: NDArray[np.int64]) -> EventScore:
    both, only_read, only_asked = map(int, counts_3)
    return EventScore(
        precision=both / max(both + only_read, 1),
        recall=both / max(both + only_asked, 1),
        f1=2 * both / max(2 * both + only_read + only_asked, 1),
        asked=both + only_asked,
    )
