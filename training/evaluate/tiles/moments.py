"""Moments of held-out play on the island to dream from, chosen by what the oracle reads in the last
real frame: any play, a tree within reach, and room to walk out and back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from training.data.games.island.oracle import Readings, TileOracle
from training.data.games.island.recorder import STEP_FRAMES
from training.data.games.island.rules import MOVES, WALKABLE
from training.data.games.island.tiles import FIGURES, GROUNDS
from training.data.games.island.view import MIDDLE
from training.data.recording import Recording, clip_starts
from training.evaluate.rollouts.generate import RolloutRequest

GATHER_FRAMES = 16
LOOP_STEPS = 2  # tiles out and as many back
_HELD = (LOOP_STEPS - 1) * STEP_FRAMES + 1  # frames of a key for so many steps
LOOP_FRAMES = 2 * _HELD
_STRIDE = 15  # frames between moments that are looked at
_MOST_WOOD = 8  # a hand holds 9
_BACK = {"left": "right", "right": "left", "up": "down", "down": "up"}
_FLOORS = [GROUNDS.index(name) for name in WALKABLE]
_Answer = NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Finds moments in `films`, each with `context` frames before what is dreamt."""

    recordings: Sequence[Recording]
    oracle: TileOracle
    space: ActionSpace
    context: int

    def gathering(self, count: int) -> list[RolloutRequest]:
        """The player faces a tree, awake, with room for more wood; `do` is held."""
        return self._choose(count, self._gather)

    def loops(self, count: int) -> list[RolloutRequest]:
        """LOOP_STEPS tiles along a free way, and back."""
        return self._choose(count, self._loop)

    def _choose(self, count: int, ask: Callable[[Readings], _Answer]) -> list[RolloutRequest]:
        """Spread evenly over all moments that have an answer. Raises ValueError for too few."""
        found = list(self._asked(ask))
        if len(found) < count:
            raise ValueError(f"{count} moments wanted, held-out play has {len(found)}")
        return [found[i] for i in np.linspace(0, len(found) - 1, count).astype(int)]

    def _asked(self, ask: Callable[[Readings], _Answer]) -> Iterator[RolloutRequest]:
        for recording in self.recordings:
            for first in clip_starts(recording.cuts, self.context)[::_STRIDE]:
                last = int(first) + self.context
                actions_TA = ask(self.oracle.read(recording.frames[last - 1 : last]))
                if actions_TA is not None:
                    yield RolloutRequest(
                        context=recording.part(int(first), last), actions_TA=actions_TA
                    )

    def _gather(self, seen: Readings) -> _Answer:
        way = seen.player_N[0]
        if way not in MOVES or seen.count("wood")[0] > _MOST_WOOD:
            return None
        column, row = MIDDLE[1] + MOVES[way][0], MIDDLE[0] + MOVES[way][1]
        is_tree = seen.ground_NRC[0, row, column] == GROUNDS.index("tree")
        return self._held("do", GATHER_FRAMES) if is_tree else None

    def _loop(self, seen: Readings) -> _Answer:
        if seen.player_N[0] not in MOVES:
            return None
        for way, (dx, dy) in MOVES.items():
            spots = [(MIDDLE[0] + n * dy, MIDDLE[1] + n * dx) for n in range(1, LOOP_STEPS + 1)]
            if all(_is_free(seen, *spot) for spot in spots):
                return np.concatenate((self._held(way, _HELD), self._held(_BACK[way], _HELD)))
        return None

    def _held(self, button: str, num_frames: int) -> NDArray[np.float32]:
        """Pressed in the first frame, held in the others."""
        vectors = [
            self.space.vector_of({button}, 0.0, is_pressed=frame == 0)
            for frame in range(num_frames)
        ]
        return np.array(vectors, np.float32)


def _is_free(seen: Readings, row: int, column: int) -> bool:
    is_floor = int(seen.ground_NRC[0, row, column]) in _FLOORS
    return is_floor and seen.figure_NRC[0, row, column] == FIGURES.index("none")
