"""Measures one world (tokenizer, rollouts, steering, long rollouts, speed) and draws the images of
the card."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.world import World
from training.data.games.probes import Probe, frames_of, plans
from training.data.pictures import Pixels, grid
from training.evaluate.clips.evaluation_clips import NUM_FRAMES, EvaluationClip
from training.evaluate.contenders import contenders, generate_jointly, speculation
from training.evaluate.material import Material
from training.evaluate.measures.colour import measure_colour
from training.evaluate.measures.fidelity import measure_rollout, measure_tokenizer
from training.evaluate.measures.horizon import LongRollout, measure_horizon
from training.evaluate.measures.scores import Comparison, Video
from training.evaluate.measures.steering import measure_steering
from training.evaluate.report.card import (
    MEAN_FRAME,
    REAL,
    TOKENIZER,
    Card,
    Speed,
    steps_name,
    to_json,
)
from training.evaluate.report.page import to_markdown
from training.evaluate.rollouts.generate import RolloutRequest, generate, reconstruct
from training.evaluate.rollouts.one_frame_prompt import measure_one_frame_prompt
from training.evaluate.rollouts.place import measure_place

_COLOUR_FRAME = 4  # late enough to be dreamt, early enough that things are where they really are
_SHEET_FRAMES = (1, 2, 4, 8, 12, 16)
_SHEET_PASSAGES = 8
_HELD_FRAMES = 16  # no measure of steering looks farther
_GRID_FRAMES = (0, 2, 4, 8, 12)
_GRID_PROBES = 2

Videos = Mapping[str, list[Video]]  # by contender, one film per passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """`steering` is None where no game answered what a held key does."""

    card: Card
    contact_sheet: Pixels
    steering: Pixels | None

    def figures(self, digest: str | None = None) -> str:
        """The card as JSON; `digest`: digest of the stored world, where it is already known."""
        return to_json(replace(self.card, world_digest=digest or self.card.world_digest))

    def page(self, *, title: str, licence: str) -> str:
        return to_markdown(self.card, title=title, licence=licence)


def evaluate(
    world: World, material: Material, *, num_steps: int, teacher: World | None = None
) -> Evaluation:
    """`teacher` is dreamt with 18 denoise steps, as a row of the comparison only."""
    clips = material.clips
    comparison = Comparison(material.networks, clips)
    jointly = generate_jointly(world, material, num_steps)
    videos: Videos = dict(contenders(world, material, teacher, jointly, num_steps))
    ours, real = videos[steps_name(num_steps)], videos[REAL]
    held, held_real = _held(world, material.probes, num_steps)
    card = Card(
        world=world.spec.name,
        world_version=world.spec.version,
        world_digest=world.digest,
        sampler=world.spec.sampler.kind,
        num_steps=num_steps,
        precision=world.precision,
        is_quick=material.budget.is_quick,
        yardstick=material.protocol(world.precision, num_steps),
        held_out=material.held_out,
        num_passages=len(clips),
        tokenizer=measure_tokenizer(material.frames, reconstruct(world.tokenizer, material.frames)),
        dream=measure_rollout(
            _from_last(clips, ours),
            _from_last(clips, real),
            _from_last(clips, videos[TOKENIZER]),
            videos[MEAN_FRAME][0][0],
        ),
        one_frame_prompt=measure_one_frame_prompt(world, clips, num_steps),
        dream_colour=measure_colour(_at(real, _COLOUR_FRAME), _at(ours, _COLOUR_FRAME)),
        contenders={name: comparison.score(made) for name, made in videos.items()},
        reader_alone=material.reader_alone,
        shuffled_f1=comparison.f1_by_chance(ours),
        frechet_real=comparison.frechet_real(),
        speculation=speculation(jointly, num_steps),
        horizon=tuple(
            measure_horizon(material.networks, list(_long_rollouts(world, material, num_steps)))
        ),
        steering=measure_steering(held) if material.probes else None,
        steering_control=measure_steering(held_real) if material.probes else None,
        speed=tuple(_speed(world, clips[0], steps) for steps in sorted(world.spec.sampler.times)),
        place=measure_place(
            world,
            (clips, *sorted(material.long_clips, key=_length)),
            [probe.context for probe in material.probes],
            material.recordings,
            num_steps=num_steps,
        ),
        load_1m=round(os.getloadavg()[0], 1),
        training=world.spec.training,
    )
    return Evaluation(
        card=card,
        contact_sheet=_contact_sheet(real, ours),
        steering=_steering_grid(held) if material.probes else None,
    )


def _long_rollouts(world: World, material: Material, num_steps: int) -> Iterator[LongRollout]:
    for clips in material.long_clips:
        requests = [
            RolloutRequest(context=clip.context, actions_TA=clip.following.actions)
            for clip in clips
        ]
        title = f"long, {len(requests[0].actions_TA)} frames"
        rollouts = generate(world, requests, num_steps=num_steps, title=title)
        for clip, generated in zip(clips, rollouts, strict=True):
            yield LongRollout(clip=clip, frames=generated.frames)


def _held(
    world: World, probes: Sequence[Probe], num_steps: int
) -> tuple[dict[str, list[Video]], dict[str, list[Video]]]:
    """Dreams and the game's answers to every held key, probe by probe."""
    names = tuple(plans(world.spec.action_space.key_turn_deg)) if probes else ()
    generated = {plan: _generate_held(world, probes, plan, num_steps) for plan in names}
    real = {plan: [frames_of(probe, plan) for probe in probes] for plan in names}
    return generated, real


def _generate_held(
    world: World, probes: Sequence[Probe], plan: str, num_steps: int
) -> list[NDArray[np.uint8]]:
    """(1 + frames, H, W, 3) for each probe, with the plan's keys held."""
    requests = [
        RolloutRequest(context=probe.context, actions_TA=probe.answers[plan].actions[:_HELD_FRAMES])
        for probe in probes
    ]
    rollouts = generate(world, requests, num_steps=num_steps, title=f"held: {plan}")
    return [
        np.concatenate((probe.context.frames[-1:], generated.frames))
        for probe, generated in zip(probes, rollouts, strict=True)
    ]


def _speed(world: World, clip: EvaluationClip, num_steps: int) -> Speed:
    request = RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:NUM_FRAMES])
    title = f"speed, {steps_name(num_steps)}"
    seconds = generate(world, [request], num_steps=num_steps, title=title)[0].frame_s
    return Speed(num_steps=num_steps, frame_ms=float(np.median(seconds[2:]) * 1e3))


def _length(clips: Sequence[EvaluationClip]) -> int:
    return len(clips[0].following.frames)


def _from_last(clips: Sequence[EvaluationClip], videos: Sequence[Video]) -> list[Video]:
    return [p.from_last(video) for p, video in zip(clips, videos, strict=True)]


def _at(videos: Sequence[Video], frame: int) -> NDArray[np.uint8]:
    return np.stack([video[frame - 1] for video in videos])


def _contact_sheet(real: Sequence[Video], generated: Sequence[Video]) -> Pixels:
    rows = []
    for truth, ours in list(zip(real, generated, strict=True))[:_SHEET_PASSAGES]:
        rows += [[video[n - 1] for n in _SHEET_FRAMES] for video in (truth, ours)]
    return grid(rows, ["real", "dreamt"] * (len(rows) // 2))


def _steering_grid(held: Mapping[str, list[NDArray[np.uint8]]]) -> Pixels:
    rows, labels = [], []
    for probe in range(_GRID_PROBES):
        for plan, videos in held.items():
            rows.append([videos[probe][n] for n in _GRID_FRAMES])
            labels.append(f"{plan}, frames {', '.join(map(str, _GRID_FRAMES))}")
    return grid(rows, labels)
