"""`python -m training decoders RUN ...`: what the tokenizers of several runs make of the same
held-out play, in a table. Shape letters: S passages.

The Fréchet distance is taken in evaluation's inverse dynamics model, which no tokenizer was trained
to please; it is neither FID nor FVD."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.arguments import at_least_one
from training.commands.contest_arguments import SELF_RECORDING
from training.data.recording import load_recordings
from training.evaluate.clips.evaluation_clips import EvaluationClip, evenly_spaced_clips
from training.evaluate.inverse_dynamics.network import AFTER, BEFORE, InverseDynamics
from training.evaluate.inverse_dynamics.output import predict_actions
from training.evaluate.material import trained_inverse_dynamics
from training.evaluate.measures.frechet import frechet_of_starts
from training.evaluate.measures.picture import gradient, psnr_db, ssim
from training.evaluate.report.markdown import lines
from training.evaluate.rollouts.generate import reconstruct
from training.evaluate.statistics.confidence import Estimate, estimate, mean_estimate
from training.pipeline.stages.decoder import trained_tokenizer
from training.recipes.named import recipe_named
from training.recipes.recipe import Recipe
from training.run import Run

_PASSAGE_FRAMES = 16
Video = NDArray[np.uint8]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=run_command)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs with a tokenizer")
    parser.add_argument("--recipe", choices=SELF_RECORDING, default="freedoom")
    parser.add_argument(
        "--judge",
        type=Path,
        default=Path("build/runs/evaluate"),
        help="where the inverse dynamics model is kept",
    )
    parser.add_argument("--clips", "--passages", type=at_least_one, default=40)


def run_command(arguments: argparse.Namespace) -> None:
    recipe = recipe_named(arguments.recipe)
    clips = evenly_spaced_clips(
        load_recordings(Run(arguments.runs[0]).held_out_recordings),
        count=arguments.clips,
        context_frames=BEFORE,
        num_frames=_PASSAGE_FRAMES + AFTER,
    )
    inverse_dynamics, _ = trained_inverse_dynamics(recipe, Run(arguments.judge), recipe.evaluation)
    titles = ("run", "PSNR, dB", "over the first", "SSIM", "gradient", "Fréchet (own)")
    for line in lines(titles, _rows(recipe, arguments.runs, inverse_dynamics, clips)):
        print(line, flush=True)
    print(f"\n± is half of the 95 % interval over {len(clips)} passages; over the first run, that")
    print("of differences, passage by passage.")


def _rows(
    recipe: Recipe,
    folders: Sequence[Path],
    inverse_dynamics: InverseDynamics,
    clips: Sequence[EvaluationClip],
) -> Iterator[tuple[str, ...]]:
    """As they are measured."""
    found: list[Rebuilt] = []
    for folder in folders:
        tokenizer = trained_tokenizer(recipe, Run(folder)).cpu()
        rebuilt = [reconstruct(tokenizer, clip.following.frames) for clip in clips]
        found.append(measure(inverse_dynamics, clips, rebuilt))
        yield _cells(folder, found[-1], found[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """`psnr_S` is the mean of each passage, in dB; `gradient` is the share of the real one."""

    psnr_S: NDArray[np.float64]
    ssim: Estimate
    gradient: Estimate
    frechet_own: Estimate


def measure(
    inverse_dynamics: InverseDynamics, clips: Sequence[EvaluationClip], rebuilt: Sequence[Video]
) -> Rebuilt:
    """`rebuilt[i]` is what became of the frames that follow in passage i."""
    real = [clip.following.frames for clip in clips]
    gradients_2S = np.array([[gradient(video) for video in side] for side in (rebuilt, real)])

    def share(starts: NDArray[np.int64]) -> float:
        ours, truth = gradients_2S[:, starts].mean(axis=1)
        return float(ours / truth)

    ours_SMD, real_SMD = (
        [
            predict_actions(inverse_dynamics, clip.with_context(video)).features_MD
            for clip, video in zip(clips, side, strict=True)
        ]
        for side in (rebuilt, real)
    )
    return Rebuilt(
        psnr_S=_of_videos(psnr_db, rebuilt, real),
        ssim=mean_estimate(_of_videos(ssim, rebuilt, real)),
        gradient=estimate(share, len(clips)),
        frechet_own=frechet_of_starts(ours_SMD, real_SMD),
    )


def _of_videos(
    figure: Callable[[Video, Video], float], rebuilt: Sequence[Video], real: Sequence[Video]
) -> NDArray[np.float64]:
    """(S,) the mean over the pictures of each film."""
    return np.array(
        [
            np.mean([figure(*pair) for pair in zip(ours, truth, strict=True)])
            for ours, truth in zip(rebuilt, real, strict=True)
        ]
    )


def _cells(folder: Path, rebuilt: Rebuilt, first: Rebuilt) -> tuple[str, ...]:
    gain = mean_estimate(rebuilt.psnr_S - first.psnr_S)
    return (
        folder.name,
        f"{mean_estimate(rebuilt.psnr_S):.2f}",
        f"{gain:.3f}" if rebuilt is not first else "",
        f"{rebuilt.ssim:.3f}",
        f"{rebuilt.gradient:.3f}",
        f"{rebuilt.frechet_own:.2f}",
    )
