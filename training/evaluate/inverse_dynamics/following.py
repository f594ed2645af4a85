"""Action following: compares the actions that the inverse dynamics model reads from generated
frames with the requested actions.

Shape letters: S starts, M frames, E events: one per button, then two directions per camera axis.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.evaluate.inverse_dynamics.output import Actions
from training.evaluate.statistics.confidence import Estimate, estimate, mean_estimate

_WAYS = {"pitch": ("look up", "look down"), "yaw": ("turn left", "turn right")}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScore:
    """`asked`: number of frames in which the event was requested."""

    precision: float
    recall: float
    f1: float
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """`f1`: mean over all events that were requested. Camera errors are absolute; the errors of the
    pitch are None in a world without pitch."""

    f1: Estimate
    events: dict[str, EventScore]
    yaw_error_bins: Estimate
    yaw_error_deg: Estimate
    pitch_error_bins: Estimate | None
    pitch_error_deg: Estimate | None


def measure_following(
    space: ActionSpace, asked: Sequence[Actions], read: Sequence[Actions]
) -> Following:
    """`asked` and `read`: one `Actions` per start, for the same frames."""
    counts_SE3 = np.stack(
        [_counts(events(space, a), events(space, r)) for a, r in zip(asked, read, strict=True)]
    )
    errors = {
        axis: _camera_error(
            np.array(bins),
            [(a.camera_bins[:, i], r.camera_bins[:, i]) for a, r in zip(asked, read, strict=True)],
        )
        for i, (axis, bins) in enumerate(space.camera.items())
    }
    pitch_bins, pitch_deg = errors.get("pitch", (None, None))
    yaw_bins, yaw_deg = errors["yaw"]
    return Following(
        f1=estimate(lambda starts: _macro_f1(counts_SE3[starts].sum(axis=0)), len(counts_SE3)),
        events=dict(zip(event_names(space), map(_score, counts_SE3.sum(axis=0)), strict=True)),
        yaw_error_bins=yaw_bins,
        yaw_error_deg=yaw_deg,
        pitch_error_bins=pitch_bins,
        pitch_error_deg=pitch_deg,
    )


def shuffled(asked: Sequence[Actions]) -> list[Actions]:
    """The same actions in random order across all starts, for the score of chance."""
    lengths = [len(actions.buttons) for actions in asked]
    order = np.random.default_rng(0).permutation(sum(lengths))
    whole = Actions(
        buttons=np.concatenate([actions.buttons for actions in asked])[order],
        camera_bins=np.concatenate([actions.camera_bins for actions in asked])[order],
    )
    ends = np.cumsum(lengths)
    return [whole.take(slice(end - length, end)) for end, length in zip(ends, lengths, strict=True)]


def event_names(space: ActionSpace) -> tuple[str, ...]:
    return (*space.model_buttons, *(way for axis in space.camera for way in _WAYS[axis]))


def events(space: ActionSpace, actions: Actions) -> NDArray[np.bool_]:
    """A mask (M, E): the events of `event_names` in each frame."""
    axes = zip(actions.camera_bins.T, space.camera.values(), strict=True)
    turns = [
        turned
        for found_M, bins in axes
        for turned in (found_M < bins.index(0.0), found_M > bins.index(0.0))
    ]
    return np.concatenate((actions.buttons, np.stack(turns, axis=1)), axis=1)


def _camera_error(
    bins_deg: NDArray[np.float64], pairs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> tuple[Estimate, Estimate]:
    """The mean error in bins and in degrees."""
    bins_S = np.array([np.abs(asked - read).mean() for asked, read in pairs])
    degrees_S = np.array([np.abs(bins_deg[asked] - bins_deg[read]).mean() for asked, read in pairs])
    return mean_estimate(bins_S), mean_estimate(degrees_S)


def _counts(asked_ME: NDArray[np.bool_], read_ME: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Counts (E, 3) of frames: requested and read, read only, requested only."""
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
