"""A moving picture of a world for its README: several sessions side by side, dreamt in one batch,
each with the keys that its hands hold. Through the serving path, like every other dream.
"""

from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np

from model.engine.world_engine import WorldEngine
from model.world import World
from training.data.pictures import Pixels, captioned

_UPSCALE = 2
_SEED = 7
_ARROWS = {"turn_left": "<", "turn_right": ">", "act": "fire"}
_KEYS = {"forward": "W", "back": "S", "left": "A", "right": "D", "up": "W", "down": "S"} | _ARROWS

Script = Sequence[tuple[int, tuple[str, ...]]]  # (frames, buttons held)

# Three players who do different things at the same time.
PLAYERS: tuple[Script, ...] = (
    ((12, ()), (20, ("turn_left",)), (20, ("forward",)), (14, ("turn_right",)), (12, ("act",))),
    ((20, ("turn_right",)), (20, ("forward",)), (12, ("act",)), (20, ("turn_left",)), (6, ())),
    ((20, ("forward",)), (20, ("turn_right", "forward")), (18, ("back",)), (20, ("left",))),
)
# The same in a world of tiles.
TILE_PLAYERS: tuple[Script, ...] = (
    ((6, ()), (16, ("right",)), (8, ("do",)), (16, ("down",)), (8, ("do",)), (24, ("left",))),
    ((10, ("do",)), (20, ("up",)), (12, ("right",)), (10, ("do",)), (26, ("down",))),
    ((18, ("left",)), (6, ("place_stone",)), (20, ("down",)), (8, ("do",)), (26, ("right",))),
)


def preview(world: World, *, num_frames: int = 78) -> list[Pixels]:
    """Frames (H, W, 3) of all players side by side, at the world's rate."""
    players = PLAYERS if world.spec.action_space.camera else TILE_PLAYERS
    engine = WorldEngine(world, max_sessions=len(players))
    scripts = {str(i): _held(script, num_frames) for i, script in enumerate(players)}
    for i, session_id in enumerate(scripts):
        start = i * len(world.starts) // len(players)
        engine.open(session_id, start=start, seed=_SEED)
    return [_together(world, engine, scripts, index) for index in range(num_frames)]


def _together(
    world: World, engine: WorldEngine, scripts: dict[str, list[tuple[str, ...]]], index: int
) -> Pixels:
    space = world.spec.action_space
    held = {session_id: held_script[index] for session_id, held_script in scripts.items()}
    bits = {
        session_id: sum(1 << space.buttons.index(name) for name in names)
        for session_id, names in held.items()
    }
    actions = {session_id: space.vector(mask, 0, 0) for session_id, mask in bits.items()}
    frames = {frame.session_id: frame.pixels for frame in engine.step(actions)}
    captions = {i: "  ".join(_KEYS.get(name, name) for name in names) for i, names in held.items()}
    shown = [captioned(frames[i], captions[i], times=_UPSCALE) for i in scripts]
    return np.concatenate(shown, axis=1)


def _held(script: Script, num_frames: int) -> list[tuple[str, ...]]:
    held_script = list(chain.from_iterable(repeat(buttons, count) for count, buttons in script))
    return [held_script[index % len(held_script)] for index in range(num_frames)]
