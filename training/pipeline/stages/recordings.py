"""The record stage: the recordings of a world and their manifest."""

from dataclasses import replace
from pathlib import Path

from training.data.index.manifest import Manifest, index_recordings
from training.data.record_episodes import record_episodes
from training.data.source import RecordingFolder, RecordingSource
from training.data.vpt.folder import VptFolder
from training.data.vpt.stored import store_recordings
from training.evaluate.held_out import record_held_out
from training.loop.trainer import TrainingError
from training.recipes.recipe import Recipe
from training.run import Run


def record(recipe: Recipe, run: Run, *, processes: int) -> None:
    plan = recipe.record
    record_held_out(recipe, run, processes=processes)
    if isinstance(recipe.recorder, RecordingSource):
        store_recordings(
            recipe.recorder, "train", run.train_recordings, num_frames=plan.train_frames
        )
    else:
        record_episodes(
            recipe.recorder,
            run.validation_recordings,
            num_frames=plan.validation_frames,
            num_episodes=plan.validation_episodes,
            seed=plan.validation_seed,
            processes=processes,
        )
        record_episodes(
            recipe.recorder,
            run.train_recordings,
            num_frames=plan.train_frames,
            num_episodes=plan.train_episodes,
            seed=plan.train_seed,
            processes=processes,
            then=recipe.second_recorder,
        )
        if recipe.tokenizer_recorder is not None:
            record_episodes(
                recipe.tokenizer_recorder,
                run.tokenizer_recordings,
                num_frames=plan.tokenizer_frames,
                num_episodes=1,
                seed=plan.train_seed,
                processes=processes,
            )
    for reason, count in manifest(recipe, run).skipped.items():
        print(f"skipped {count} recordings: {reason}")


def source(recipe: Recipe, run: Run) -> RecordingSource:
    """The training recordings: given recordings in their folder, or the recordings in the run
    folder."""
    if isinstance(recipe.recorder, RecordingSource):
        return recipe.recorder
    return RecordingFolder(run.recordings, recipe.action_space.entries)


def manifest(recipe: Recipe, run: Run) -> Manifest:
    """The manifest of all present recordings."""
    return index_recordings(source(recipe, run), run.manifest)


def with_recordings(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the recordings of `folder` in VPT's form. Raises TrainingError for a recipe
    with a recorder of its own."""
    if not isinstance(recipe.recorder, VptFolder):
        raise TrainingError(f"the {recipe.name} recipe films by itself; name no recordings")
    return replace(recipe, recorder=replace(recipe.recorder, folder=folder))
