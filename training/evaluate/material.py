"""What an evaluation needs besides the world: held-out play, the game's own answers, the judges.
Made from seeds, the same on every machine, and kept in the run folder."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.action_space import ActionSpace
from model.world import Precision
from training.data.games.probes import Probe
from training.data.recording import Recording, load_recordings, sample_evenly
from training.data.source import RecordingSource
from training.evaluate.clips.clip_selection import select_clips
from training.evaluate.clips.evaluation_clips import EvaluationClip, evenly_spaced_clips
from training.evaluate.held_out import inverse_dynamics_recordings, probes, record_held_out
from training.evaluate.inverse_dynamics.fitting import FitSettings, fitted_inverse_dynamics
from training.evaluate.inverse_dynamics.following import EventScore, measure_following
from training.evaluate.inverse_dynamics.network import AFTER, BEFORE, InverseDynamics
from training.evaluate.inverse_dynamics.output import (
    Actions,
    InverseDynamicsOutput,
    predict_actions,
)
from training.evaluate.measures.scores import MetricNetworks, PictureDistance, VideoFeatures
from training.evaluate.report.protocol import EvaluationProtocol
from training.recipes.recipe import Recipe
from training.recipes.settings.evaluation import EvaluationBudget
from training.run import Run

_TOKENIZER_FRAMES = 160
_HELD_OUT_PLAY = "other play in the same room; recordings never share frames"
_HELD_OUT_PLAYERS = "recordings of other players; recordings never share frames"
_PROCESSES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalMetrics:
    """Metrics with weights that this project cannot ship."""

    lpips: PictureDistance | None = None
    fvd_features: VideoFeatures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """`held_out`: how the measured play differs from the training play, in words. `frames`: a
    sample of all measured frames. `long_clips`: one group per length. `reader_alone`: scores of the
    inverse dynamics model on recorded play outside its training. `recordings`: all measured
    play."""

    budget: EvaluationBudget
    held_out: str
    probes: Sequence[Probe]
    clips: Sequence[EvaluationClip]
    long_clips: Sequence[Sequence[EvaluationClip]]
    frames: NDArray[np.uint8]
    networks: MetricNetworks
    reader_alone: Mapping[str, EventScore]
    recordings: Sequence[Recording] = ()

    def protocol(self, precision: Precision, num_steps: int) -> EvaluationProtocol:
        return EvaluationProtocol.of(
            inverse_dynamics=self.networks.inverse_dynamics,
            clips=[*self.clips, *(clip for group in self.long_clips for clip in group)],
            budget=self.budget,
            precision=precision,
            num_steps=num_steps,
        )


def gather(
    recipe: Recipe, run: Run, budget: EvaluationBudget, given: ExternalMetrics | None = None
) -> Material:
    """Records missing play and trains the inverse dynamics model, unless the run folder has
    both."""
    record_held_out(recipe, run, processes=_PROCESSES)
    held_out = load_recordings(run.held_out_recordings)
    window = recipe.preset.nfd.window
    inverse_dynamics, unseen = trained_inverse_dynamics(recipe, run, budget)
    reading = predict_actions(inverse_dynamics, unseen.frames)
    is_given = isinstance(recipe.recorder, RecordingSource)
    return Material(
        budget=budget,
        held_out=_HELD_OUT_PLAYERS if is_given else _HELD_OUT_PLAY,
        probes=probes(recipe, run, min(budget.num_probes, recipe.record.probes)),
        clips=select_clips(
            held_out, recipe.action_space, count=budget.num_passages, context_frames=window
        ),
        long_clips=[
            evenly_spaced_clips(
                held_out, count=count, context_frames=window, num_frames=length + AFTER
            )
            for length, count in budget.long_rollouts
        ],
        frames=sample_evenly([recording.frames for recording in held_out], _TOKENIZER_FRAMES),
        networks=_networks(recipe, inverse_dynamics, reading, given or ExternalMetrics()),
        reader_alone=_alone(recipe.action_space, unseen, reading),
        recordings=held_out,
    )


def _networks(
    recipe: Recipe,
    inverse_dynamics: InverseDynamics,
    other_real: InverseDynamicsOutput,
    given: ExternalMetrics,
) -> MetricNetworks:
    return MetricNetworks(
        space=recipe.action_space,
        inverse_dynamics=inverse_dynamics,
        other_real_MD=other_real.features_MD,
        oracle=recipe.oracle,
        lpips=given.lpips,
        fvd_features=given.fvd_features,
    )


def _alone(
    space: ActionSpace, unseen: Recording, reading: InverseDynamicsOutput
) -> Mapping[str, EventScore]:
    asked = Actions.of(space, unseen.actions[BEFORE:-AFTER])
    return measure_following(space, [asked], [reading.actions]).events


def trained_inverse_dynamics(
    recipe: Recipe, run: Run, budget: EvaluationBudget
) -> tuple[InverseDynamics, Recording]:
    """A model trained on all recordings for the model but the last, and the last recording."""
    *known, unseen = inverse_dynamics_recordings(recipe, run)
    settings = FitSettings(steps=budget.inverse_dynamics_steps)
    folder = run.folder / "reader"  # a name that stored runs have
    return fitted_inverse_dynamics(recipe.action_space, known, folder, settings), unseen
