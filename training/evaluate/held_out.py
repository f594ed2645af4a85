"""Recordings that a world does not train on: the material of evaluation. Made from seeds, equal on
every machine, stored in the run folder."""

import os

from training.data.games.probes import Probe, record_probes
from training.data.record_episodes import record_episodes
from training.data.recording import Recording, load_recordings
from training.data.source import RecordingSource
from training.data.vpt.stored import store_recordings
from training.recipes.recipe import Recipe
from training.run import Run

_PROCESSES = os.cpu_count() or 1


def record_held_out(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    if isinstance(recipe.recorder, RecordingSource):
        store_recordings(
            recipe.recorder, "held_out", run.held_out_recordings, num_frames=plan.held_out_frames
        )
        return
    record_episodes(
        recipe.recorder,
        run.held_out_recordings,
        num_frames=plan.held_out_frames,
        num_episodes=plan.held_out_episodes,
        seed=plan.held_out_seed,
        processes=processes,
    )


def probes(recipe: Recipe, run: Run, count: int) -> list[Probe]:
    """Empty for given recordings, which have no game to probe, and for `count` 0."""
    if isinstance(recipe.recorder, RecordingSource) or not count:
        return []
    return record_probes(
        recipe.recorder,
        run.probes,
        count=count,
        key_turn_deg=recipe.action_space.key_turn_deg,
        context_frames=recipe.preset.nfd.window,
        least_walk=recipe.record.least_walk,
        seed=recipe.record.probe_seed,
        processes=_PROCESSES,
    )


def inverse_dynamics_recordings(recipe: Recipe, run: Run) -> list[Recording]:
    """Recordings outside the training and the measured play; at least two."""
    folder, plan = run.folder / "reader" / "recordings", recipe.record
    if isinstance(recipe.recorder, RecordingSource):
        store_recordings(
            recipe.recorder,
            "validation",
            folder,
            num_frames=plan.inverse_dynamics_frames,
            at_least=2,
        )
    else:
        record_episodes(
            recipe.recorder,
            folder,
            num_frames=plan.inverse_dynamics_frames,
            num_episodes=plan.inverse_dynamics_episodes,
            seed=plan.inverse_dynamics_seed,
            processes=_PROCESSES,
        )
    return load_recordings(folder)
