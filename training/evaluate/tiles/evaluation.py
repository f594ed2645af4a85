"""Measures a world of tiles by the tile oracle, on rollouts through the serving engine after
held-out play, and draws the contact sheet."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model.world import World
from training.data.games.island.oracle import Readings, TileOracle
from training.data.pictures import Pixels, grid
from training.data.recording import Recording, sample_evenly
from training.evaluate.clips.evaluation_clips import EvaluationClip, evenly_spaced_clips
from training.evaluate.measures.fidelity import FRAMES, measure_tokenizer
from training.evaluate.measures.picture import gradient, psnr_db
from training.evaluate.report.card import Speed
from training.evaluate.rollouts.generate import RolloutRequest, generate, reconstruct
from training.evaluate.tiles.card import OracleFigures, TileCard, to_json, to_markdown
from training.evaluate.tiles.measures import closed_loop, kept_tiles, obeyed, share
from training.evaluate.tiles.moments import LOOP_FRAMES, Moments
from training.recipes.settings.evaluation import EvaluationBudget

NUM_FRAMES = 16
_TOKENIZER_FRAMES = 160
_TRIES, _LOOPS = 10, 20
_VALID_AT = (16, 64, 300, 1000)
_VALID_FRAMES = 10  # up to each of those, over which cells are counted
_SHEET_FRAMES = (1, 2, 4, 8, 12, 16)
_SHEET_PASSAGES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TileEvaluation:
    """The counterpart of `Evaluation` for a world of tiles; `steering` is always None."""

    card: TileCard
    contact_sheet: Pixels
    steering: Pixels | None = None

    def figures(self, digest: str | None = None) -> str:
        """As JSON, of a world that is stored under `digest` where that is given."""
        return to_json(replace(self.card, world_digest=digest or self.card.world_digest))

    def page(self, *, title: str, licence: str) -> str:
        return to_markdown(self.card, title=title, licence=licence)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rollouts:
    """Rollouts of one world with `num_steps` denoise steps, as videos and as the oracle's
    readings."""

    world: World
    num_steps: int
    oracle: TileOracle

    def videos(self, requests: Sequence[RolloutRequest], title: str) -> list[NDArray[np.uint8]]:
        rollouts = generate(self.world, requests, num_steps=self.num_steps, title=title)
        return [generated.frames for generated in rollouts]

    def readings(self, requests: Sequence[RolloutRequest], title: str) -> list[Readings]:
        return [self.oracle.read(video) for video in self.videos(requests, title)]


def evaluate_tiles(
    world: World, held_out: Sequence[Recording], budget: EvaluationBudget, *, num_steps: int
) -> TileEvaluation:
    """Raises TooLittlePlay or ValueError for held-out play without the needed moments."""
    window, space = world.spec.nfd.window, world.spec.action_space
    rollouts = _Rollouts(world=world, num_steps=num_steps, oracle=TileOracle())
    clips = evenly_spaced_clips(
        held_out, count=budget.num_passages, context_frames=window, num_frames=NUM_FRAMES
    )
    videos = rollouts.videos([_request(clip) for clip in clips], "passages")
    moments = Moments(recordings=held_out, oracle=rollouts.oracle, space=space, context=window)
    loops, loop_closure = _loops(rollouts, moments, 4 if budget.is_quick else _LOOPS)
    frames = sample_evenly([video.frames for video in held_out], _TOKENIZER_FRAMES)
    tokenizer = measure_tokenizer(frames, reconstruct(world.tokenizer, frames))
    real = [clip.following.frames for clip in clips]
    card = TileCard(
        world=world.spec.name,
        world_version=world.spec.version,
        world_digest=world.digest,
        sampler=world.spec.sampler.kind,
        num_steps=num_steps,
        precision=world.precision,
        is_quick=budget.is_quick,
        num_passages=len(clips),
        num_loops=loops,
        loop_frames=LOOP_FRAMES,
        tokenizer_psnr=tokenizer.psnr_db.value,
        tokenizer_gradient=tokenizer.gradient_ratio,
        psnr={n: _psnr([video[n - 1] for video in videos], real, n) for n in FRAMES},
        psnr_copy_last={
            n: _psnr([clip.context.frames[-1] for clip in clips], real, n) for n in FRAMES
        },
        gradient={n: _gradient(videos, n) / _gradient(real, n) for n in FRAMES},
        oracle=_oracle_figures(rollouts, moments, clips, videos, held_out, budget),
        loop_closure=loop_closure,
        speed=tuple(_speed(world, clips[0], steps) for steps in sorted(world.spec.sampler.times)),
        load_1m=round(os.getloadavg()[0], 1),
        training=world.spec.training,
    )
    return TileEvaluation(card=card, contact_sheet=_contact_sheet(real, videos))


def _oracle_figures(
    rollouts: _Rollouts,
    moments: Moments,
    clips: Sequence[EvaluationClip],
    videos: Sequence[NDArray[np.uint8]],
    held_out: Sequence[Recording],
    budget: EvaluationBudget,
) -> OracleFigures:
    read = rollouts.oracle.read
    triples = [
        (read(clip.context.frames[-1:]), read(clip.following.frames), read(video))
        for clip, video in zip(clips, videos, strict=True)
    ]
    moved = [clip.following.poses[:, :2] - clip.context.poses[-1, :2] for clip in clips]
    asked = [clip.following.actions.max(axis=1) > 0 for clip in clips]

    def kept(frame: int) -> float:
        pairs = zip(triples, moved, strict=True)
        return share([kept_tiles(*triple, by[frame - 1], frame - 1) for triple, by in pairs])

    last = NUM_FRAMES - 1
    gathered, tries = _gathered(rollouts, moments, 4 if budget.is_quick else _TRIES)
    return OracleFigures(
        kept_1=kept(1),
        kept_16=kept(NUM_FRAMES),
        counts_16=float(np.mean([(r.counts_NI == d.counts_NI)[last] for _, r, d in triples])),
        facing_16=float(np.mean([r.player_N[last] == d.player_N[last] for _, r, d in triples])),
        obeyed=share([obeyed(*triple, keys) for triple, keys in zip(triples, asked, strict=True)]),
        gathered=gathered,
        tries=tries,
        valid=_valid(rollouts, held_out, budget),
    )


def _gathered(rollouts: _Rollouts, moments: Moments, tries: int) -> tuple[int, int]:
    """How often holding `do` before a tree increases the count of wood, out of `tries`."""
    requests = moments.gathering(tries)
    before = [
        rollouts.oracle.read(request.context.frames[-1:]).count("wood")[0] for request in requests
    ]
    after = [seen.count("wood")[-1] for seen in rollouts.readings(requests, "gathering")]
    return sum(int(now > then) for now, then in zip(after, before, strict=True)), tries


def _loops(rollouts: _Rollouts, moments: Moments, count: int) -> tuple[int, float]:
    requests = moments.loops(count)
    before = [rollouts.oracle.read(request.context.frames[-1:]) for request in requests]
    ends = rollouts.readings(requests, "loops")
    return count, float(np.mean([closed_loop(*pair) for pair in zip(before, ends, strict=True)]))


def _valid(
    rollouts: _Rollouts, held_out: Sequence[Recording], budget: EvaluationBudget
) -> dict[int, float]:
    """By frame, the share of cells that show a tile in the frames up to it."""
    length, count = budget.long_rollouts[0]
    window = rollouts.world.spec.nfd.window
    clips = evenly_spaced_clips(held_out, count=count, context_frames=window, num_frames=length)
    videos = rollouts.readings([_request(clip) for clip in clips], f"long, {length} frames")
    return {
        frame: float(np.mean([f.valid_NRC[frame - _VALID_FRAMES : frame].mean() for f in videos]))
        for frame in _VALID_AT
        if frame <= length
    }


def _request(clip: EvaluationClip) -> RolloutRequest:
    return RolloutRequest(context=clip.context, actions_TA=clip.following.actions)


def _psnr(pictures: Sequence[Pixels], real: Sequence[NDArray[np.uint8]], frame: int) -> float:
    pairs = zip(pictures, real, strict=True)
    return float(np.mean([psnr_db(picture, video[frame - 1]) for picture, video in pairs]))


def _gradient(videos: Sequence[NDArray[np.uint8]], frame: int) -> float:
    return gradient(np.stack([video[frame - 1] for video in videos]))


def _speed(world: World, clip: EvaluationClip, num_steps: int) -> Speed:
    request = RolloutRequest(context=clip.context, actions_TA=clip.following.actions)
    seconds = generate(world, [request], num_steps=num_steps, title=f"speed, {num_steps}")[
        0
    ].frame_s
    return Speed(num_steps=num_steps, frame_ms=float(np.median(seconds[2:]) * 1e3))


def _contact_sheet(
    real: Sequence[NDArray[np.uint8]], generated: Sequence[NDArray[np.uint8]]
) -> Pixels:
    rows = []
    for truth, ours in list(zip(real, generated, strict=True))[:_SHEET_PASSAGES]:
        rows += [[video[n - 1] for n in _SHEET_FRAMES] for video in (truth, ours)]
    return grid(rows, ["real", "dreamt"] * (len(rows) // 2))
