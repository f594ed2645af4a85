"""The compared videos: the world at every number of steps and with speculation, its teacher, and
plain baselines, each after the same evaluation clips. Computes no score."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from model.sampling.schedule import uniform_times
from model.world import World
from training.data.pictures import Pixels
from training.evaluate.clips.evaluation_clips import NUM_FRAMES, EvaluationClip
from training.evaluate.material import Material
from training.evaluate.measures.scores import Video
from training.evaluate.report.card import (
    COPY_LAST,
    EXACT_DRAFTS,
    MEAN_FRAME,
    REAL,
    TEACHER,
    TOKENIZER,
    Drafts,
    joint_name,
    steps_name,
)
from training.evaluate.rollouts.generate import (
    GeneratedRollout,
    RolloutRequest,
    generate,
    reconstruct,
)

_TEACHER_STEPS = 18
_NUM_JOINT = 1  # frames drawn along with one


def contenders(
    world: World,
    material: Material,
    teacher: World | None,
    jointly: Sequence[GeneratedRollout],
    num_steps: int,
) -> Iterator[tuple[str, list[Video]]]:
    """Yields name and videos of each contender, one video per clip. `jointly`: the result of
    `generate_jointly` with `num_steps`. The teacher takes 18 denoise steps."""
    clips = material.clips
    for steps in sorted(world.spec.sampler.times):
        yield steps_name(steps), _videos(_generate_after(world, clips, steps, steps_name(steps)))
    yield joint_name(num_steps), _videos(jointly)
    if teacher is not None:
        slow = _unhurried(teacher)
        yield TEACHER, _videos(_generate_after(slow, clips, _TEACHER_STEPS, TEACHER))
    real = [clip.following.frames[:NUM_FRAMES] for clip in clips]
    mean_frame = material.frames.mean(axis=0).round().astype(np.uint8)
    yield COPY_LAST, [_still(clip.context.frames[-1]) for clip in clips]
    yield MEAN_FRAME, [_still(mean_frame)] * len(clips)
    yield TOKENIZER, [reconstruct(world.tokenizer, video) for video in real]
    yield REAL, real


def generate_jointly(world: World, material: Material, num_steps: int) -> list[GeneratedRollout]:
    """One rollout after each clip, with one frame generated jointly with another wherever the
    action stays."""
    title = joint_name(num_steps)
    return _generate_after(world, material.clips, num_steps, title, num_joint=_NUM_JOINT)


def speculation(jointly: Sequence[GeneratedRollout], num_steps: int) -> tuple[Drafts, ...]:
    exact = (
        Drafts(kind=kind, row=steps_name(num_steps), proof=EXACT_DRAFTS)
        for kind in ("ahead", "branch")
    )
    share = float(np.mean([generated.is_joint.mean() for generated in jointly]))
    return (*exact, Drafts(kind="joint", row=joint_name(num_steps), share=share))


def _videos(rollouts: Sequence[GeneratedRollout]) -> list[Video]:
    return [generated.frames for generated in rollouts]


def _generate_after(
    world: World,
    clips: Sequence[EvaluationClip],
    num_steps: int,
    title: str,
    *,
    num_joint: int = 0,
) -> list[GeneratedRollout]:
    requests = [
        RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:NUM_FRAMES])
        for clip in clips
    ]
    return generate(world, requests, num_steps=num_steps, title=title, num_joint=num_joint)


def _unhurried(teacher: World) -> World:
    sampler = replace(
        teacher.spec.sampler,
        times={_TEACHER_STEPS: uniform_times(_TEACHER_STEPS)},
        default_steps=_TEACHER_STEPS,
    )
    return replace(teacher, spec=replace(teacher.spec, sampler=sampler))


def _still(frame: Pixels) -> Video:
    return np.repeat(frame[None], NUM_FRAMES, axis=0)
