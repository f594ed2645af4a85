"""Measures the trained contestants: their frames after the same evaluation clips, by evaluation's
measures, and the cost of a frame through the runner of the served world.

The diffusion model is undistilled and follows its ODE; the baseline is sampled as in MineWorld.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model.ar.decoding.order import DecodeOrder
from model.ar.matched import num_parameters
from model.ar.world import ARWorld
from model.bench.interleaved import InterleavedTimes, time_interleaved
from model.bench.workloads.worlds import drive, drive_baseline
from model.sampling.schedule import uniform_times
from model.world import World, WorldSpec
from training.ablations.autoregression.contestants import Contestants
from training.ablations.autoregression.rollouts import generate_codes
from training.ablations.autoregression.table import ComparisonRow
from training.evaluate.clips.evaluation_clips import NUM_FRAMES, EvaluationClip
from training.evaluate.material import Material
from training.evaluate.measures.picture import psnr_db
from training.evaluate.measures.scores import Comparison, Video
from training.evaluate.rollouts.generate import RolloutRequest, generate, reconstruct, start_clip
from training.evaluate.statistics.confidence import mean_estimate
from training.recipes.recipe import Recipe

STEPS = (1, 2, 4)
SPEED_ROUNDS = 15
_CPU = torch.device("cpu")


def measure(
    recipe: Recipe, contestants: Contestants, orders: Mapping[str, DecodeOrder], material: Material
) -> Iterator[ComparisonRow]:
    """Yields each row after its measurement."""
    clips = material.clips
    comparison = Comparison(material.networks, clips)
    world = nfd_world(recipe, contestants, clips[0])
    times = _times(world, contestants.baselines, orders)
    for row, videos in _drawn(world, contestants, orders, clips):
        yield _scored(row, videos, comparison, clips, frame_ms=times.median_ms(row.name))
    for name, videos in _plain(contestants, material):
        yield _scored(ComparisonRow(name=name), videos, comparison, clips)


def nfd_world(recipe: Recipe, contestants: Contestants, opening: EvaluationClip) -> World:
    """The trained transformer as a world, undistilled: along the ODE."""
    preset = recipe.preset
    spec = WorldSpec(
        name="compare",
        version="1",
        title="",
        width=preset.width,
        height=preset.height,
        fps=recipe.fps,
        action_space=recipe.action_space,
        vae=preset.vae,
        nfd=preset.nfd,
        sampler=replace(
            recipe.teacher_sampler, times={n: uniform_times(n) for n in STEPS}, default_steps=2
        ),
        licence=recipe.licence,
    )
    start = start_clip(contestants.vae, opening.context, name="start")
    return World(
        spec=spec,
        tokenizer=contestants.vae,
        transformer=contestants.nfd,
        starts=(start,),
        digest="",
    )


def _drawn(
    world: World,
    contestants: Contestants,
    orders: Mapping[str, DecodeOrder],
    clips: Sequence[EvaluationClip],
) -> Iterator[tuple[ComparisonRow, list[Video]]]:
    requests = [
        RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:NUM_FRAMES])
        for clip in clips
    ]
    for steps in STEPS:
        row = ComparisonRow(
            name=_nfd_name(steps),
            params=num_parameters(contestants.nfd),
            passes=steps + 1,
            trained=contestants.steps["nfd"],
        )
        rollouts = generate(world, requests, num_steps=steps, title=row.name)
        yield row, [generated.frames for generated in rollouts]
    for name, baseline in contestants.baselines.items():
        order = orders[name]
        row = ComparisonRow(
            name=_codes_name(name),
            params=num_parameters(baseline.transformer),
            passes=order.num_turns,
            trained=contestants.steps[name],
        )
        yield row, generate_codes(baseline, order, requests, title=row.name)


def _plain(contestants: Contestants, material: Material) -> Iterator[tuple[str, list[Video]]]:
    """What costs nothing, and the best that each tokenizer could show."""
    clips = material.clips
    mean_frame = material.frames.mean(axis=0).round().astype(np.uint8)
    real = [clip.following.frames[:NUM_FRAMES] for clip in clips]
    fsq = next(iter(contestants.baselines.values())).tokenizer
    yield "the last frame again", [_still(clip.context.frames[-1]) for clip in clips]
    yield "the mean frame", [_still(mean_frame)] * len(clips)
    yield "the truth through the VAE", [reconstruct(contestants.vae, video) for video in real]
    yield "the truth through codes", [reconstruct(fsq, video) for video in real]


def _scored(
    row: ComparisonRow,
    videos: Sequence[Video],
    comparison: Comparison,
    clips: Sequence[EvaluationClip],
    *,
    frame_ms: float | None = None,
) -> ComparisonRow:
    firsts = [
        psnr_db(video[0], clip.following.frames[0])
        for video, clip in zip(videos, clips, strict=True)
    ]
    return replace(
        row,
        frame_ms=frame_ms,
        psnr_1=mean_estimate(np.array(firsts)),
        scores=comparison.score(videos),
    )


def _times(
    world: World, baselines: Mapping[str, ARWorld], orders: Mapping[str, DecodeOrder]
) -> InterleavedTimes:
    """Of one player, decoder included, all in turns."""
    drivers = {_nfd_name(n): drive(world, batch=1, device=_CPU, num_steps=n) for n in STEPS}
    drivers |= {
        _codes_name(name): drive_baseline(baseline, orders[name], batch=1, device=_CPU)
        for name, baseline in baselines.items()
    }
    entrants = {name: driver.frame_s for name, driver in drivers.items()}
    return time_interleaved(entrants, rounds=SPEED_ROUNDS)


def _still(frame: NDArray[np.uint8]) -> Video:
    return np.repeat(frame[None], NUM_FRAMES, axis=0)


def _nfd_name(steps: int) -> str:
    return f"NFD, {steps} step" + "s" * (steps > 1)


def _codes_name(order: str) -> str:
    return f"codes, {order}"
