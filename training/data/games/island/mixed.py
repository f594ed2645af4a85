"""Pictures of every tile alike, for the tokenizer: what play shows once an hour must be drawn as
well as grass. Nobody plays here, so every frame is a cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.games.island.tiles import FIGURES, GROUNDS, ITEMS, LIGHTS, draw, occurs
from training.data.games.island.view import COLUMNS, HEIGHT, MAP_ROWS, WIDTH, Glance, render
from training.data.recorder import HeldInput
from training.data.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedTiles:
    """Any tile anywhere on the map, any count of any item; `num_actions` are all zero."""

    num_actions: int
    style: int = 0

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        rng, tiles = np.random.default_rng(seed), draw(self.style)
        frames = np.empty((num_frames, HEIGHT, WIDTH, 3), np.uint8)
        for frame in frames:
            frame[:] = render(any_glance(rng), tiles)
        return Recording(
            frames=frames,
            actions=np.zeros((num_frames, self.num_actions), np.float32),
            poses=np.zeros((num_frames, 3), np.float32),
            cuts=np.ones(num_frames, np.bool_),
        )


def any_glance(rng: np.random.Generator) -> Glance:
    """One that the rules allow tile by tile, though not as a whole."""
    pairs = _PAIRS[rng.integers(len(_PAIRS), size=(MAP_ROWS, COLUMNS))]
    light = int(rng.integers(len(LIGHTS)))
    return Glance(
        ground_RC=pairs[..., 0],
        figure_RC=pairs[..., 1],
        counts_I=rng.integers(10, size=len(ITEMS)),
        light=light,
        clock=light if light < 4 else int(rng.integers(4)),
        beat=int(rng.integers(3)),
    )


_PAIRS = np.array(
    [
        (ground, figure)
        for ground in range(len(GROUNDS))
        for figure in range(len(FIGURES))
        if occurs(GROUNDS[ground], FIGURES[figure])
    ]
)
