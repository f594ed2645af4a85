"""How far the frames of each form drift from those of fp32: same starts, same noise, same keys.

A world is chaotic: two runs part for good once they differ at all, so the frames of another seed
stand beside them.
"""

import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from model.bench.cpu.variants import variants
from model.engine.types import ActionVector
from model.engine.world_engine import WorldEngine
from model.world import World

FRAMES = (1, 16, 64)
FORMS = ("int8", "int8 linears", "int8 decoder", "bf16 decoder")
_HELD_FRAMES = 8
_SEED, _OTHER_SEED = 5, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Of the frame that is `frame`-th in play: decibels of the pixels against fp32's, the mean and
    the worst of all starts, and the root mean square by which latents (of variance 1) differ."""

    form: str
    steps: int
    frame: int
    mean_psnr_db: float
    worst_psnr_db: float
    latent_rms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    pixels: NDArray[np.uint8]
    latents_Chw: Tensor


def measure_fidelity(world: World, *, steps: int) -> Iterator[Fidelity]:
    """Over all starts of the world."""
    forms = variants(world)
    ours = _play(world, steps, _SEED)
    for name in FORMS:
        yield from _compare(name, steps, ours, _play(forms[name], steps, _SEED))
    yield from _compare("fp32, another seed", steps, ours, _play(world, steps, _OTHER_SEED))


def _play(world: World, steps: int, seed: int) -> list[list[_Shown]]:
    """By start, the frames of FRAMES."""
    engine = WorldEngine(world, max_sessions=1)
    plays = []
    for start in range(len(world.starts)):
        engine.open("player", start=start, seed=seed)
        shown = []
        for number, action in enumerate(_keys(world, start), start=1):
            [frame] = engine.step({"player": action}, num_steps=steps)
            if number in FRAMES:
                latents = engine.snapshot("player").context.latents_FChw[-1]
                shown.append(_Shown(pixels=frame.pixels, latents_Chw=latents))
        engine.close("player")
        plays.append(shown)
    return plays


def _keys(world: World, start: int) -> Iterator[ActionVector]:
    """One button held after the other, or none."""
    dice, space = random.Random(start), world.spec.action_space
    for _ in range(0, max(FRAMES), _HELD_FRAMES):
        held = dice.choice((0, *(1 << bit for bit in range(len(space.buttons)))))
        yield from [space.vector(held, 0, 0)] * _HELD_FRAMES


def _compare(
    form: str, steps: int, ours: Sequence[Sequence[_Shown]], theirs: Sequence[Sequence[_Shown]]
) -> Iterator[Fidelity]:
    for place, frame in enumerate(FRAMES):
        pairs = [(a[place], b[place]) for a, b in zip(ours, theirs, strict=True)]
        decibels = [psnr_db(a.pixels, b.pixels) for a, b in pairs]
        squares = [(a.latents_Chw - b.latents_Chw).square().mean().item() for a, b in pairs]
        yield Fidelity(
            form=form,
            steps=steps,
            frame=frame,
            mean_psnr_db=round(statistics.mean(decibels), 1),
            worst_psnr_db=round(min(decibels), 1),
            latent_rms=round(statistics.mean(squares) ** 0.5, 3),
        )


def psnr_db(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Of 8-bit pictures; 99 for the same ones."""
    error = np.square(left.astype(np.float64) - right).mean()
    return float(min(99.0, 10 * np.log10(255**2 / max(error, 1e-12))))
