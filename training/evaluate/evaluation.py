"""Measures one world: tokenizer, dreams, steering, speed; and draws its pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.world import World
from training.data.pictures import Pixels, grid
from training.data.probes import REPLAY, Probe, frames_of
from training.data.recording import Recording
from training.evaluate.card import Card, Speed
from training.evaluate.dream import Wish, dream, reconstruct
from training.evaluate.fidelity import measure_dream, measure_tokenizer
from training.evaluate.measures import gradient
from training.evaluate.steering import measure_steering

_SHEET_FRAMES = (1, 2, 4, 8, 12, 16)
_SHEET_PROBES = 8
_GRID_PLANS = ("left", "right", "forward", "back", "idle", "act")
_GRID_FRAMES = (0, 2, 4, 8, 12)
_GRID_PROBES = 2
_LONG_FRAMES = (16, 60, 120)
_LONG_DREAMS = 4
_TOKENIZER_FRAMES = 160

Film = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    card: Card
    contact_sheet: Pixels
    steering: Pixels


def evaluate(
    world: World, probes: Sequence[Probe], held_out: Sequence[Recording], *, num_steps: int
) -> Evaluation:
    real = {plan: [frames_of(probe, plan) for probe in probes] for plan in probes[0].answers}
    dreamt = {plan: _dream_plan(world, probes, plan, num_steps) for plan in real}
    frames = _spread([recording.frames for recording in held_out], _TOKENIZER_FRAMES)
    rebuilt = [reconstruct(world.tokenizer, film) for film in real[REPLAY]]
    mean_frame = frames.mean(axis=0).round().astype(np.uint8)
    card = Card(
        world=world.spec.name,
        world_version=world.spec.version,
        world_digest=world.digest,
        sampler=world.spec.sampler.kind,
        num_steps=num_steps,
        tokenizer=measure_tokenizer(frames, reconstruct(world.tokenizer, frames)),
        dream=measure_dream(dreamt[REPLAY], real[REPLAY], rebuilt, mean_frame),
        steering=measure_steering(dreamt),
        steering_control=measure_steering(real),
        long_gradient_ratio=_long_gradient(world, held_out, num_steps, gradient(frames)),
        speed=tuple(_speed(world, probes[0], steps) for steps in sorted(world.spec.sampler.times)),
        training=world.spec.training,
    )
    return Evaluation(
        card=card,
        contact_sheet=_contact_sheet(real[REPLAY], dreamt[REPLAY]),
        steering=_steering_grid(dreamt),
    )


def _dream_plan(world: World, probes: Sequence[Probe], plan: str, num_steps: int) -> list[Film]:
    wishes = [
        Wish(context=probe.context, actions_TA=probe.answers[plan].actions) for probe in probes
    ]
    dreams = dream(world, wishes, num_steps=num_steps)
    return [
        np.concatenate((probe.context.frames[-1:], dreamt.frames))
        for probe, dreamt in zip(probes, dreams, strict=True)
    ]


def _long_gradient(
    world: World, held_out: Sequence[Recording], num_steps: int, real: float
) -> dict[int, float]:
    """Sharpness of dreams that follow held-out players for long."""
    context, length = world.spec.nfd.window, _LONG_FRAMES[-1]
    firsts = np.linspace(0, len(held_out[0].frames) - context - length - 1, _LONG_DREAMS, dtype=int)
    wishes = [
        Wish(
            context=held_out[0].part(first, first + context),
            actions_TA=held_out[0].actions[first + context : first + context + length],
        )
        for first in firsts
    ]
    dreams = dream(world, wishes, num_steps=num_steps)
    return {
        n: gradient(np.concatenate([d.frames[n - 8 : n] for d in dreams])) / real
        for n in _LONG_FRAMES
    }


def _speed(world: World, probe: Probe, num_steps: int) -> Speed:
    wish = Wish(context=probe.context, actions_TA=probe.answers[REPLAY].actions)
    seconds = dream(world, [wish], num_steps=num_steps, together=1)[0].frame_s
    return Speed(num_steps=num_steps, frame_ms=float(np.median(seconds[2:]) * 1e3))


def _contact_sheet(real: Sequence[Film], dreamt: Sequence[Film]) -> Pixels:
    rows = []
    for truth, ours in list(zip(real, dreamt, strict=True))[:_SHEET_PROBES]:
        rows += [[truth[n] for n in _SHEET_FRAMES], [ours[n] for n in _SHEET_FRAMES]]
    return grid(rows, ["real", "dreamt"] * (len(rows) // 2))


def _steering_grid(dreamt: dict[str, list[Film]]) -> Pixels:
    rows, labels = [], []
    for probe in range(_GRID_PROBES):
        for plan in _GRID_PLANS:
            rows.append([dreamt[plan][probe][n] for n in _GRID_FRAMES])
            labels.append(f"{plan}, frames {', '.join(map(str, _GRID_FRAMES))}")
    return grid(rows, labels)


def _spread(films: Sequence[Film], count: int) -> Film:
    """About `count` frames taken evenly from all films."""
    stride = max(1, sum(map(len, films)) // count)
    return np.concatenate([film[::stride] for film in films])
