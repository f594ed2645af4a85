"""Do the keys steer the dream? Measured alike on dreams and on the game's own answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.evaluate.measures.motion import muzzle_light, shift_px, zoom

Video = NDArray[np.uint8]  # (1 + frames, H, W, 3): the last real frame, then the answer
_TURN = slice(2, 12)  # frames whose motion is measured
_ZOOM_FROM, _ZOOM_TO = 2, 6
_REST = slice(8, 16)
_ZOOM_MARGIN = 0.03
_LIGHT_MARGIN = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """Counts are of probes; shifts in pixels per frame, positive to the right; zooms over four
    frames."""

    probes: int
    turns_opposite: int  # left moves the picture right and right moves it left
    left_px: float
    right_px: float
    forward_nearer: int  # forward zooms clearly more than idle and back
    forward_zoom: float
    idle_zoom: float
    back_zoom: float
    idle_still: int  # moves less than half a pixel a frame
    idle_px: float
    act_flashes: int  # the muzzle lights up clearly more than in idle

    @property
    def turn_px(self) -> float:
        """How far a held turn moves the picture in a frame, both ways taken together."""
        return (self.left_px - self.right_px) / 2


def measure_steering(videos: Mapping[str, Sequence[Video]]) -> Steering:
    """`films[plan][i]` is the answer to probe i when the plan's keys are held."""
    left, right = (_turn_px(videos[plan]) for plan in ("left", "right"))
    forward, idle, back = (
        np.array([zoom(video[_ZOOM_FROM], video[_ZOOM_TO]) for video in videos[plan]])
        for plan in ("forward", "idle", "back")
    )
    rest = np.array([_mean_shift(video[_REST]) for video in videos["idle"]])
    light = [
        _light(videos["act"], i) - _light(videos["idle"], i) for i in range(len(videos["act"]))
    ]
    return Steering(
        probes=len(left),
        turns_opposite=int(((left > 1.0) & (right < -1.0)).sum()),
        left_px=float(np.median(left)),
        right_px=float(np.median(right)),
        forward_nearer=int((forward > np.maximum(idle, back) + _ZOOM_MARGIN).sum()),
        forward_zoom=float(np.median(forward)),
        idle_zoom=float(np.median(idle)),
        back_zoom=float(np.median(back)),
        idle_still=int((rest < 0.5).sum()),
        idle_px=float(np.median(rest)),
        act_flashes=int((np.array(light) > _LIGHT_MARGIN).sum()),
    )


def _turn_px(videos: Sequence[Video]) -> NDArray[np.float64]:
    """Median motion per frame, for each film."""
    return np.array([np.median(_shifts(video[_TURN])) for video in videos])


def _mean_shift(video: Video) -> float:
    return float(np.mean(np.abs(_shifts(video))))


def _shifts(video: Video) -> list[float]:
    return [shift_px(before, after) for before, after in pairwise(video)]


def _light(videos: Sequence[Video], probe: int) -> float:
    return max(muzzle_light(frame) for frame in videos[probe][1:8])
