"""Records the scripted settler on one island per seed. Knows no network.

Time: the island steps every STEP_FRAMES frames. A pressed key is answered in the next frame by an
extra step; while the key stays down, steps follow every STEP_FRAMES frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from model.action_space import ActionSpace
from training.data.games.island.rules import BUTTONS, DAY_STEPS, MATERIALS, WALKABLE, Island
from training.data.games.island.settler import Settler
from training.data.games.island.tiles import ITEMS, draw
from training.data.games.island.view import HEIGHT, WIDTH, look, render
from training.data.recorder import HeldInput
from training.data.recording import Recording

STEP_FRAMES = 3
DEATH_FRAMES = 8
_OUTFITS: tuple[Mapping[str, int], ...] = (
    # What a settler may have done before the film begins: most of each thing it has.
    {},
    {"wood": 5, "sapling": 1},
    {"wood": 9, "wood_pickaxe": 1, "wood_sword": 1, "sapling": 2, "stone": 3},
    {"wood": 9, "wood_pickaxe": 1, "wood_sword": 1, "stone_pickaxe": 1, "stone": 9, "coal": 4},
    {
        "wood": 9,
        "wood_pickaxe": 1,
        "stone_pickaxe": 1,
        "wood_sword": 1,
        "stone_sword": 1,
        "stone": 9,
        "coal": 9,
        "iron": 3,
        "sapling": 3,
    },
    {
        "wood": 9,
        "wood_pickaxe": 1,
        "stone_pickaxe": 1,
        "iron_pickaxe": 1,
        "wood_sword": 1,
        "stone_sword": 1,
        "iron_sword": 1,
        "stone": 9,
        "coal": 9,
        "iron": 9,
        "diamond": 4,
    },
)
_DEGREES = {(0, -1): 0, (1, 0): 90, (0, 1): 180, (-1, 0): 270}


@dataclass(slots=True)
class Clock:
    """Decides from the buttons alone which frames take a step of the game; `since` counts the
    frames after the last step."""

    since: int = 0
    _last: str | None = None

    def is_press(self, button: str | None) -> bool:
        """Whether `button` goes down in the frame that comes."""
        return button is not None and button != self._last

    def ticks(self, button: str | None) -> bool:
        """Whether the frame that `button` leads to is a step."""
        self.since += 1
        is_press = self.is_press(button)
        self._last = button
        if is_press or self.since >= STEP_FRAMES:
            self.since = 0
            return True
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class IslandRecorder:
    """Poses are x, y (tiles, y down) and the player's direction in degrees clockwise from up. A
    dead player lies in the dark for DEATH_FRAMES, then starts elsewhere without a cut, because a
    rollout has to continue too."""

    action_space: ActionSpace
    style: int = 0
    width: int = field(default=WIDTH, init=False)
    height: int = field(default=HEIGHT, init=False)

    def record(self, *, num_frames: int, seed: int, then: Sequence[HeldInput] = ()) -> Recording:
        return _Episode(self, seed).record(num_frames, then)


class _Episode:
    """One island and its recording."""

    def __init__(self, recorder: IslandRecorder, seed: int) -> None:
        self._space = recorder.action_space
        self._tiles = draw(recorder.style)
        self._rng = np.random.default_rng(seed)
        self._island = Island(seed)
        self._island.dawn = int(self._rng.integers(DAY_STEPS))
        self._clock = Clock()
        self._dead_frames = 0
        self._settle_in(_OUTFITS[self._rng.integers(len(_OUTFITS))])
        self._island.step_with(None)

    def record(self, num_frames: int, then: Sequence[HeldInput]) -> Recording:
        total = num_frames + len(then)
        frames = np.empty((total, HEIGHT, WIDTH, 3), np.uint8)
        actions = np.zeros((total, self._space.size), np.float32)
        poses = np.empty((total, 3), np.float32)
        cuts = np.zeros(total, np.bool_)
        cuts[0] = True
        settler = Settler(self._rng, self._island)
        for i in range(total):
            frames[i] = render(look(self._island, self._clock.since), self._tiles)
            player = self._island.player
            facing = (int(player.facing[0]), int(player.facing[1]))
            poses[i] = (*player.pos, _DEGREES[facing])
            if i + 1 == total:
                break
            button = settler.act() if i + 1 < num_frames else _button(then[i + 1 - num_frames])
            actions[i + 1] = self._space.vector_of(
                {button} if button else set(), 0.0, is_pressed=self._clock.is_press(button)
            )
            self._advance(button)
        return Recording(frames=frames, actions=actions, poses=poses, cuts=cuts)

    def _advance(self, button: str | None) -> None:
        """One frame of the game."""
        player = self._island.player
        is_step = self._clock.ticks(button)
        if player.health > 0:
            if is_step:
                self._island.step_with(button)
            return
        player.sleeping = True
        self._dead_frames += 1
        if self._dead_frames >= DEATH_FRAMES:
            self._dead_frames = 0
            self._settle_in(_OUTFITS[0])

    def _settle_in(self, outfit: Mapping[str, int]) -> None:
        """Somewhere on the island, with so much of each thing at most."""
        player, rng = self._island.player, self._rng
        for item in ITEMS:
            most = outfit.get(item, 0)
            player.inventory[item] = most if most == 1 else int(rng.integers(0, most + 1))
        for need, least in (("health", 5), ("food", 3), ("drink", 3), ("energy", 3)):
            player.inventory[need] = int(rng.integers(least, 10))
        player.sleeping = False
        x, y = self._place(str(rng.choice(WALKABLE, p=(0.5, 0.35, 0.15))))
        self._island.put_player(x, y)

    def _place(self, material: str) -> tuple[int, int]:
        """A free tile of it, where the island has one; else where the player stands."""
        xs, ys = np.nonzero(self._island.materials == MATERIALS.index(material))
        for i in self._rng.permutation(len(xs))[:50]:
            if self._island.at(int(xs[i]), int(ys[i]))[1] is None:
                return int(xs[i]), int(ys[i])
        x, y = self._island.player.pos
        return int(x), int(y)


def _button(held: HeldInput) -> str | None:
    """The effective button: the last pressed one of BUTTONS."""
    down = [button for button in BUTTONS if button in held.down]
    return down[-1] if down else None
